"""A registered model in full: its header, and one tab for each thing one does with it."""

from collections.abc import Callable

import streamlit as st

from app.ui import (
    model_access,
    model_compare,
    model_optimise,
    model_settings,
    model_versions,
    train_form,
    version_page,
)
from app.ui.frame import page_header
from app.ui.mlflow_page import mlflow_page
from app.ui.model_row import access_badge, alias_badges, archived_badge, is_ready, task_badge, try_model, who_may_use
from app.ui.session import platform
from app.ui.states import empty_state
from app.ui.text import plain
from registry.access import Action, Actor, allowed
from registry.models.types import ModelSummary

Tab = Callable[[], None]


def draw(actor: Actor, name: str) -> None:
    """The page of one model. Raises RegistryError when it is not there."""
    model = platform().models.get(actor, name)
    _header(actor, model)
    tabs = _tabs(actor, model)
    for tab, content in zip(
        st.tabs(list(tabs), key=f"model.tab.{name}", on_change="rerun"), tabs.values(), strict=True
    ):
        if tab.open:
            with tab:
                content()


def way_back() -> None:
    """The button that leads from one model to all of them."""
    if st.button("All models", key="model.back", icon=":material/arrow_back:", type="tertiary"):
        st.query_params.clear()
        st.rerun()


def _header(actor: Actor, model: ModelSummary) -> None:
    way_back()
    actions = page_header(plain(model.name), plain(model.description, longest=240) or "No description")
    if allowed(actor, Action.OPEN_MLFLOW):
        actions.link_button("Open in MLflow", mlflow_page(f"models/{model.name}"), icon=":material/open_in_new:")
    if is_ready(model) and actions.button("Try it", key="model.try", type="primary", icon=":material/play_arrow:"):
        try_model(model.name)
    with st.container(horizontal=True, gap="small"):
        task_badge(model.task)
        access_badge(model.access_level)
        alias_badges(model)
        archived_badge(model)
        st.markdown(f":gray[{who_may_use(model)}]", width="content")


def _tabs(actor: Actor, model: ModelSummary) -> dict[str, Tab]:
    """What this actor may do with the model, by the name of its tab."""
    found = platform().models.survey(actor, model.name)
    versions = found.versions
    tabs: dict[str, Tab] = {"Overview": _only_damaged if found.damaged else _no_version}
    if versions:
        tabs["Overview"] = lambda: version_page.draw(actor, model, versions)
    if versions or found.damaged:
        tabs["Versions"] = lambda: model_versions.draw(actor, model, found)
    if len(versions) > 1:
        tabs["Compare"] = _unless_archived(model, lambda: model_compare.draw(actor, versions))
    if allowed(actor, Action.PUBLISH_MODEL):
        tabs["Train"] = _unless_archived(model, lambda: train_form.on_model(actor, model))
    if allowed(actor, Action.CHANGE_MODEL, model.target()):
        if versions:
            tabs["Optimise"] = _unless_archived(model, lambda: model_optimise.draw(actor, model, versions))
        tabs["Access"] = lambda: model_access.draw(actor, model)
        tabs["Settings"] = lambda: model_settings.draw(actor, model)
    return tabs


def _unless_archived(model: ModelSummary, draw: Tab) -> Tab:
    """The tab stays when a model is archived: a list of tabs that changes would throw its reader back to the first."""
    return _archived if model.archived else draw


def _archived() -> None:
    empty_state("inventory_2", "Archived", "Bring the model back under Settings first.")


def _only_damaged() -> None:
    text = "None of its versions is what was registered, so none answers. The tab Versions says what is wrong."
    empty_state("broken_image", "Damaged", text)


def _no_version() -> None:
    empty_state("layers", "No version yet", "Upload a file under this name, or publish to it from a notebook.")
