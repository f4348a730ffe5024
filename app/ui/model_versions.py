"""The versions of a model as a list, beside the aliases that name them."""

import streamlit as st

from app.ui import model_aliases, version_page
from app.ui.attempt import attempt
from app.ui.confirm import confirmed
from app.ui.frame import card
from app.ui.pager import page_number, pager
from app.ui.session import platform
from app.ui.text import ago, badge_text, plain
from registry.access import Action, Actor, allowed
from registry.models.types import Damaged, ModelSummary, ModelVersion, Survey
from registry.sizes import bytes_text

_SIZE = 8


def draw(actor: Actor, model: ModelSummary, found: Survey) -> None:
    """The list at the left, aliases and their history at the right; what is damaged above its list."""
    versions = found.versions
    left, right = st.columns([0.58, 0.42], gap="medium")
    list_ = f"model.versions.{model.name}"
    with left, card("versions"):
        st.subheader("Versions", anchor=False)
        for each in found.damaged:
            _damaged(actor, model, each)
        first = (page_number(list_) - 1) * _SIZE
        for index, version in enumerate(versions[first : first + _SIZE]):
            if index:
                st.divider()
            _row(actor, model, version)
        pager(list_, len(versions), _SIZE, "version")
    with right:
        model_aliases.draw(actor, model, versions)


def _row(actor: Actor, model: ModelSummary, version: ModelVersion) -> None:
    number = version.version
    text, buttons = st.columns([0.72, 0.28], vertical_alignment="center")
    with text, st.container(gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**Version {number}**", width="content")
            for alias in version.aliases:
                st.badge(badge_text(alias), icon=":material/flag:", color="blue")
        figures = [f"{plain(name, longest=24)} {value:.3g}" for name, value in list(version.card.metrics.items())[:3]]
        published = f"{plain(version.published_by, longest=40)}, {ago(version.created_at)}"
        st.caption(" · ".join([*figures, published, bytes_text(version.size_bytes)]))
    with buttons, st.container(horizontal=True, horizontal_alignment="right"):
        st.button("Show", key=f"model.show.{number}", on_click=_show, args=(model.name, number))
    if not version.aliases and allowed(actor, Action.DELETE_MODEL, model.target()):
        _deletion(actor, model.name, number)


def _damaged(actor: Actor, model: ModelSummary, damaged: Damaged) -> None:
    named = [alias for alias, held in model.aliases.items() if held == damaged.version]
    detail = plain(damaged.detail, longest=200)
    serves = f" It is {', '.join(map(plain, named))}: move that to another version." if named else ""
    st.error(
        f"**Version {damaged.version} is not what was registered, and answers nothing.** "
        f"{detail[:1].upper()}{detail[1:]}.{serves} Look into the storage, and publish it again.",
        icon=":material/gpp_bad:",
    )
    if not named and allowed(actor, Action.DELETE_MODEL, model.target()):
        _deletion(actor, model.name, damaged.version)


def _show(name: str, number: int) -> None:
    version_page.show(number)
    st.session_state[f"model.tab.{name}"] = "Overview"


def _deletion(actor: Actor, name: str, number: int) -> None:
    if confirmed(
        f"model.delete_version.{name}.{number}",
        "Delete",
        f"Version {number} cannot be brought back. Its run stays in MLflow.",
        icon="delete",
        really="Really delete",
        quiet=True,
    ):
        attempt(
            lambda: platform().model_changes.delete_version(actor, name, number),
            f"Version {number} is deleted",
            icon="delete",
        )
