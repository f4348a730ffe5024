"""Datasets: what is there, one dataset in full, and the way in for new ones."""

import streamlit as st

from app.ui import dataset_detail, dataset_import, filters
from app.ui.dataset_row import TASKS, dataset_row
from app.ui.frame import page_header
from app.ui.pager import page_number, pager
from app.ui.session import platform, required
from app.ui.states import empty_state, error_box
from registry.access import Action, Actor, allowed
from registry.errors import RegistryError

_SIZE = 10


def draw() -> None:
    """The page."""
    actor = required(Action.READ_DATASET)
    name = st.query_params.get("dataset")
    if name:
        try:
            dataset_detail.draw(actor, name)
        except RegistryError as error:
            error_box(error)
            dataset_detail.way_back()
        return
    actions = page_header("Datasets", "Pictures with their labels, in versions that never change.")
    if allowed(actor, Action.ADD_DATASET):
        importing = st.session_state.get("datasets.importing", False)
        label, icon = ("Close", "close") if importing else ("Import dataset", "upload")
        if actions.button(
            label, key="datasets.import", type="secondary" if importing else "primary", icon=f":material/{icon}:"
        ):
            st.session_state["datasets.importing"] = not importing
            st.rerun()
        if importing:
            dataset_import.draw(actor)
    _list(actor)


def _list(actor: Actor) -> None:
    left, right = st.columns([0.68, 0.32])
    with left:
        search = filters.words("datasets", "search", "Search names and descriptions")
    with right:
        task = filters.choice("datasets", "task", "Task", {"": "Every task"} | {key: TASKS[key][0] for key in TASKS})
    found, total = platform().datasets.list(actor, search=search, task=task, number=page_number("datasets"), size=_SIZE)
    if not found:
        _nothing(actor, filtered=bool(search or task))
        return
    for summary in found:
        dataset_row(summary)
    pager("datasets", total, _SIZE, "dataset")


def _nothing(actor: Actor, *, filtered: bool) -> None:
    if filtered:
        empty_state("search_off", "Nothing matches", "Try another word, or show every task.")
    elif allowed(actor, Action.ADD_DATASET):
        text = "Import a zip archive in the layout of YOLO, COCO or Pascal VOC, or with a folder for each class."
        empty_state("photo_library", "No datasets yet", text)
    else:
        empty_state("photo_library", "No datasets yet", "An engineer has to import one first. You will find it here.")
