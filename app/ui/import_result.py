"""What came of a dataset's import by a job."""

from typing import Any

import streamlit as st

from app.ui import dataset_report
from app.ui.dataset_import import made
from app.ui.dataset_row import open_dataset
from app.ui.frame import card
from app.ui.job_downloads import downloads
from app.ui.session import platform
from registry.access import Actor
from registry.training.datasets.problems import FILE as REPORT
from registry.training.datasets.problems import ImportReport


def draw(actor: Actor, job: dict[str, Any], result: dict[str, Any]) -> None:
    """The version with its report, and the way to the dataset."""
    with platform().jobs.open_result(actor, job["id"], REPORT)[0] as file:
        report = ImportReport.model_validate_json(file.read())
    with card("import_result"):
        made(result["dataset"], result["version"], result["images"], result["objects"], report)
        dataset_report.draw(report, "import_result")
        if st.button("Open the dataset", key="import_result.open", type="primary", icon=":material/arrow_forward:"):
            open_dataset(result["dataset"])
    downloads(result["files"])
