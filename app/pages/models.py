"""Models: what is registered, one model in full, and the way in for new ones."""

import streamlit as st

from app.ui import model_detail, model_upload
from app.ui.frame import page_header
from app.ui.model_row import TASKS, model_row
from app.ui.pager import first_page, page_number, pager
from app.ui.session import platform, required
from app.ui.states import empty_state, error_box
from registry.access import Action, Actor, allowed
from registry.errors import RegistryError

_SIZE = 10


def draw() -> None:
    """The page."""
    actor = required()
    name = st.query_params.get("model")
    if name:
        try:
            model_detail.draw(actor, name)
        except RegistryError as error:
            error_box(error)
            model_detail.way_back()
        return
    actions = page_header("Models", "Everything that is registered here and that you may use.")
    if allowed(actor, Action.PUBLISH_MODEL):
        uploading = st.session_state.get("models.uploading", False)
        label, icon = ("Close", "close") if uploading else ("Upload model", "upload")
        if actions.button(
            label, key="models.upload", type="secondary" if uploading else "primary", icon=f":material/{icon}:"
        ):
            st.session_state["models.uploading"] = not uploading
            st.rerun()
        if uploading:
            model_upload.draw(actor)
    _list(actor)


def _list(actor: Actor) -> None:
    left, right = st.columns([0.68, 0.32])
    search = left.text_input(
        "Search",
        key="models.search",
        placeholder="Search names and descriptions",
        icon=":material/search:",
        label_visibility="collapsed",
        on_change=first_page,
        args=("models",),
    )
    task = right.selectbox(
        "Task",
        ["", *TASKS],
        key="models.task",
        format_func=lambda each: TASKS[each][0] if each else "Every task",
        label_visibility="collapsed",
        on_change=first_page,
        args=("models",),
    )
    found, total = platform().models.list(
        actor, search=search.strip(), task=task, number=page_number("models"), size=_SIZE
    )
    if not found:
        _nothing(actor, filtered=bool(search.strip() or task))
        return
    for model in found:
        model_row(model, page="models")
    pager("models", total, _SIZE, "model")


def _nothing(actor: Actor, *, filtered: bool) -> None:
    if filtered:
        empty_state("search_off", "Nothing matches", "Try another word, or show every task.")
    elif allowed(actor, Action.PUBLISH_MODEL):
        empty_state("deployed_code", "No models yet", "Upload an ONNX file here, or push a model from a notebook.")
    else:
        empty_state("deployed_code", "No models yet", "An engineer has to publish one first. You will find it here.")
