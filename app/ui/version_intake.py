"""How a version came in: its steps, as they are kept with it."""

from typing import Any

import streamlit as st

from app.ui.frame import card
from app.ui.intake_steps import intake_steps
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import plain
from registry.errors import RegistryError
from registry.models.intake_report import intake_report
from registry.models.journey import Step
from registry.models.types import ModelVersion
from registry.sizes import bytes_text


def draw(version: ModelVersion) -> None:
    """The steps of its way in, or how else it came."""
    with card("intake"):
        st.subheader("Way in", anchor=False)
        try:
            report = intake_report(platform().models, version)
        except RegistryError as error:
            error_box(error)
            return
        if report is None:
            st.markdown(":gray[It was published by the platform itself, not from a file that somebody sent.]")
            return
        _source(report)
        intake_steps([_step(row) for row in report.get("steps", []) if isinstance(row, dict)])
        with st.expander("The whole report", icon=":material/fact_check:"):
            st.json(report, expanded=1)


def _source(report: dict[str, Any]) -> None:
    source = report.get("source")
    if isinstance(source, dict) and isinstance(source.get("size_bytes"), int):
        sha256 = plain(str(source.get("sha256", ""))[:12])
        st.markdown(f":gray[A file of {bytes_text(source['size_bytes'])}, sha256 {sha256}…]")


def _step(row: dict[str, Any]) -> Step:
    return Step(str(row.get("name", "")), str(row.get("state", "")), str(row.get("detail", "")))
