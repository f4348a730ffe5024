"""A dataset as lists show it."""

import streamlit as st

from app.ui import model_row
from app.ui.frame import card
from app.ui.text import ago, many, plain
from registry.training.datasets.catalogue import DatasetSummary
from registry.training.datasets.sample import DatasetTask

TASKS = {task: model_row.TASKS[task] for task in DatasetTask}
SPLITS = {"train": "Train", "val": "Validation", "test": "Test", "": "No split"}
_MOST_CLASSES = 8


def dataset_row(summary: DatasetSummary) -> None:
    """One dataset with its badges and the button that leads to it."""
    record, newest = summary.record, summary.newest
    with card(f"link_dataset_{record.name}"):
        left, right = st.columns([0.84, 0.16], vertical_alignment="center")
        with left, st.container(gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                if st.button(f"**{plain(record.name)}**", key=f"datasets.name.{record.name}", type="tertiary"):
                    open_dataset(record.name)
                model_row.task_badge(record.task)
                model_row.access_badge(record.access_level)
            st.markdown(f":gray[{plain(record.description, longest=150) or _classes(newest.classes)}]")
            figures = (
                f"version {newest.number}",
                many(newest.images, "image"),
                many(newest.objects, "label"),
                plain(record.owner_name),
                f"updated {ago(record.updated_at)}",
            )
            st.caption(" · ".join(figures))
        with right, st.container(horizontal=True, horizontal_alignment="right"):
            if st.button("Open", key=f"datasets.open.{record.name}"):
                open_dataset(record.name)


def open_dataset(name: str) -> None:
    """Go to a dataset's page."""
    st.switch_page(st.session_state["pages"]["datasets"], query_params={"dataset": name})


def _classes(names: list[str]) -> str:
    shown = ", ".join(plain(name, longest=30) for name in names[:_MOST_CLASSES])
    return f"{shown} and {len(names) - _MOST_CLASSES} more" if len(names) > _MOST_CLASSES else shown
