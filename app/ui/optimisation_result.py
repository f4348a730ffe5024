"""What an optimisation or a tune came to."""

from typing import Any

import pandas as pd
import streamlit as st

from app.ui.frame import card
from app.ui.job_downloads import downloads
from app.ui.model_tuning import rows_of
from app.ui.session import platform
from app.ui.text import plain
from registry.access import Actor
from registry.jobs.tuning_parameters import FORM_TITLES
from registry.models.tuning_table import TuningTable
from registry.tuning.optimisation_report import GATES, OptimisationReport, Outcome

_MEANINGS = (
    "ms: for each image, the median. FP32 ms: the version itself in the same rounds, by its fastest backend. Faster: "
    "the median over the rounds. Surely: the lower end of its confidence interval, 95 %."
)


def draw(actor: Actor, job: dict[str, Any], result: dict[str, Any]) -> None:
    """The versions that were made, the table of forms, the table of classes, the files."""
    model = job["parameters"]["model"]
    with st.container(horizontal=True):
        for number in result["made_versions"]:
            label = f"Look at version {number}"
            if st.button(label, key=f"job.version.{number}", icon=":material/layers:"):
                page = st.session_state["pages"]["models"]
                st.switch_page(page, query_params={"model": model, "version": str(number)})
    _tables(actor, job, result)


def _tables(actor: Actor, job: dict[str, Any], result: dict[str, Any]) -> None:
    name = "optimisation.json" if job["kind"] == "optimise" else "tuning.json"
    with platform().jobs.open_result(actor, job["id"], name)[0] as file:
        text = file.read()
    if job["kind"] == "tune":
        with card("job_forms"):
            st.subheader("Every way to run it", anchor=False)
            rows_of(TuningTable.model_validate_json(text))
        downloads(result["files"])
        return
    report = OptimisationReport.model_validate_json(text)
    with card("job_forms"):
        st.subheader("Forms", anchor=False)
        st.table(pd.DataFrame([_row(each) for each in report.outcomes]).set_index("Form"))  # it folds what is long
        st.caption(_MEANINGS)
        st.caption(plain(f"Gates: {report.gates}. {report.dataset.name} {report.dataset.version}; {report.machine}."))
    judged = [each for each in report.outcomes if each.accuracy is not None]
    left, right = st.columns([0.68, 0.32], gap="medium")
    with left:
        if judged:
            _classes(report, judged)
    with right:
        downloads(result["files"])


def _classes(report: OptimisationReport, judged: list[Outcome]) -> None:
    with card("job_classes"):
        st.subheader("Accuracy by class", anchor=False)
        columns = {FORM_TITLES[each.form]: each.by_label for each in judged}
        frame = pd.DataFrame({"FP32": report.own_by_label, **columns}).rename_axis("Class").reset_index()
        numbers = {name: st.column_config.NumberColumn(format="%.4f") for name in frame.columns[1:]}
        st.dataframe(frame, hide_index=True, column_config=numbers, height=min(38 + 35 * len(frame), 420))


def _row(outcome: Outcome) -> dict[str, Any]:
    found = outcome.measured
    return {
        "Form": FORM_TITLES[outcome.form],
        "Gates": GATES[outcome.failed],
        "Backend": str(found.backend) if found else "",
        "ms": f"{found.ms:.2f}" if found else "",
        "FP32 ms": f"{found.own_ms:.2f}" if found else "",
        "Faster": f"{found.speedup:.2f} ×" if found else "",
        "Surely": f"{found.surely:.2f} ×" if found else "",
        "Lost": "" if outcome.loss is None else f"{outcome.loss:.4f}",
        "Why": plain(outcome.why or (f"version {outcome.made_version}" if outcome.made_version else "")),
    }
