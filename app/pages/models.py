"""Models: what is registered, one model in full, and the ways in for new ones."""

import streamlit as st

from app.ui import model_detail, model_filters, model_new, runtimes
from app.ui.frame import page_header
from app.ui.model_row import model_row
from app.ui.pager import page_number, pager
from app.ui.session import platform, required
from app.ui.states import empty_state, error_box
from app.ui.upload_steps import ADDING
from registry.access import Action, Actor, allowed
from registry.errors import ModelNotFound, RegistryError

_SIZE = 10
_GONE = "It may have been deleted, or made private. All models, below, shows those that you may use."


def draw() -> None:
    """The page."""
    actor = required()
    name = st.query_params.get("model")
    if name:
        try:
            model_detail.draw(actor, name)
        except RegistryError as error:
            error_box(ModelNotFound(error.message, hint=_GONE) if isinstance(error, ModelNotFound) else error)
            model_detail.way_back()
        return
    actions = page_header("Models", "Everything that is registered here and that you may use.")
    if allowed(actor, Action.PUBLISH_MODEL):
        adding = st.session_state.get(ADDING, False)
        label, icon = ("Close", "close") if adding else ("Add a model", "add")
        if actions.button(
            label, key="models.upload", type="secondary" if adding else "primary", icon=f":material/{icon}:"
        ):
            st.session_state[ADDING] = not adding
            st.rerun()
        if adding:
            model_new.draw(actor)
    _list(actor)
    runtimes.draw(actor)


def _list(actor: Actor) -> None:
    wanted = model_filters.draw(actor)
    found, total = platform().models.list(actor, **wanted, number=page_number("models"), size=_SIZE)
    if not found:
        _nothing(actor, narrowed=model_filters.narrowed(wanted))
        return
    for model in found:
        model_row(model, page="models")
    pager("models", total, _SIZE, "model")


def _nothing(actor: Actor, *, narrowed: bool) -> None:
    if narrowed:
        empty_state("search_off", "Nothing matches", "Try another word, or widen the filters.")
    elif allowed(actor, Action.PUBLISH_MODEL):
        empty_state(
            "deployed_code",
            "No models yet",
            "Upload a file, pull a known one, or push one from a notebook.",
        )
    else:
        empty_state("deployed_code", "No models yet", "An engineer has to publish one first. You will find it here.")
