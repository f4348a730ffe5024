"""What a clean-up or a backup came to."""

from typing import Any

import pandas as pd
import streamlit as st

from app.ui.frame import card
from app.ui.job_downloads import downloads
from registry.access import Actor
from registry.sizes import bytes_text


def clean(_actor: Actor, _job: dict[str, Any], result: dict[str, Any]) -> None:
    """What went, or would go, kind by kind."""
    dry = result["dry_run"]
    figures = {"Things": f"{result['count']:,}", "Files": bytes_text(result["bytes"])}
    for column, (label, value) in zip(st.columns(2), figures.items(), strict=True):
        with column, card(f"clean_{label}"):
            st.metric(f"{label} that would go" if dry else f"{label} removed", value)
    left, right = st.columns([0.68, 0.32], gap="medium")
    with left, card("clean_kinds"):
        st.subheader("What would go" if dry else "What went", anchor=False)
        rows = [
            {"What": each["title"], "Count": each["count"], "Files": bytes_text(each["bytes"]) if each["bytes"] else ""}
            for each in result["cleaned"]
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True, height="content")
        if dry:
            st.caption("This was a dry run: nothing was removed.")
    with right:
        downloads(result["files"])


def backup(_actor: Actor, _job: dict[str, Any], result: dict[str, Any]) -> None:
    """Which backup it is, and the way back."""
    with card("backup"):
        st.subheader("The way back", anchor=False)
        st.markdown(":gray[Stop the platform, then:]")
        st.code(f"nexusai restore {result['backup']}", language=None)
    downloads(result["files"])
