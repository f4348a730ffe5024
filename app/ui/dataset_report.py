"""What an import found, as a table."""

import pandas as pd
import streamlit as st

from app.ui.text import many
from registry.training.datasets.problems import ImportReport, Problem

KINDS = {
    "image_unreadable": "Unreadable picture",
    "image_missing": "Missing picture",
    "image_unlabelled": "Picture without labels",
    "image_ambiguous": "Ambiguous picture",
    "size_differs": "Other size than declared",
    "labels_unreadable": "Unreadable labels",
    "labels_empty": "Background",
    "encoding": "Encoding",
    "not_a_number": "Not a number",
    "out_of_bounds": "Out of bounds",
    "box_empty": "Empty box",
    "box_duplicate": "Duplicate box",
    "class_unnamed": "Class without a name",
    "class_invalid": "Unknown class",
    "outline_invalid": "Invalid outline",
    "points_invalid": "Invalid key points",
    "too_many_objects": "Too many objects",
    "duplicate": "Duplicate picture",
    "leak": "Leak between splits",
    "name_taken": "Renamed",
    "field_ignored": "Ignored field",
    "time_invalid": "Invalid time",
}
_EFFECTS = {"left out": "Left out", "changed": "Changed", "kept": "Kept"}


def draw(report: ImportReport, key: str) -> None:
    """The problems by kind as badges, then each with its file and line; `key` tells tables of a page apart."""
    if not report.counts:
        st.markdown(":green[:material/check_circle:] No problem was found.")
        return
    with st.container(horizontal=True, gap="xsmall"):
        for kind, count in sorted(report.counts.items(), key=lambda item: -item[1]):
            st.badge(f"{KINDS.get(kind, kind)}  {count:,}", color="gray" if kind == "labels_empty" else "orange")
    st.dataframe(
        pd.DataFrame([_row(each) for each in report.problems]),
        hide_index=True,
        key=f"{key}.problems",
        height=min(38 + 35 * len(report.problems), 460),
        column_config={
            "Problem": st.column_config.TextColumn(width=165),  # all together as wide as the card on a small laptop
            "What was done": st.column_config.TextColumn(width=110),
            "File": st.column_config.TextColumn(width=180),
            "Line": st.column_config.TextColumn(width=60),
            "Detail": st.column_config.TextColumn(width=380),
        },
    )
    total = sum(report.counts.values())
    if total > len(report.problems):
        st.caption(f"The first {len(report.problems):,} of {many(total, 'problem')}.")


def _row(problem: Problem) -> dict[str, object]:
    return {
        "Problem": KINDS.get(problem.kind, problem.kind),
        "What was done": _EFFECTS[problem.effect],
        "File": problem.file,
        "Line": "" if problem.line is None else f"{problem.line:,}",
        "Detail": problem.message,
    }
