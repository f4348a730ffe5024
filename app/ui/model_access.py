"""Who may use a model: its access level, and the people it was granted to."""

from typing import get_args

import streamlit as st

from app.ui.attempt import attempt
from app.ui.confirm import confirmed
from app.ui.frame import card
from app.ui.model_row import ACCESS, WHO
from app.ui.session import platform
from app.ui.text import plain
from registry.access import Actor
from registry.mlflow_file import AccessLevel
from registry.models.changes import Grant
from registry.models.types import ModelSummary

_LEVELS: tuple[AccessLevel, ...] = get_args(AccessLevel)


def draw(actor: Actor, model: ModelSummary) -> None:
    """The level at the left, the grants at the right."""
    left, right = st.columns(2, gap="medium")
    with left:
        _level(actor, model)
    with right:
        _grants(actor, model)


def _level(actor: Actor, model: ModelSummary) -> None:
    with card("level"), st.form(f"model.level_form.{model.name}", border=False):
        st.subheader("Access level", anchor=False)
        level = st.radio(
            "Access level",
            _LEVELS,
            index=_LEVELS.index(model.access_level),
            key=f"model.level.{model.name}.{model.access_level}",
            format_func=lambda each: ACCESS[each][0],
            captions=[WHO[each].capitalize() for each in _LEVELS],
            label_visibility="collapsed",
        )
        st.caption("A change counts within two seconds, on pages and over HTTP.")
        if st.form_submit_button("Change the level", icon=":material/lock:") and level != model.access_level:
            attempt(
                lambda: platform().model_changes.update(actor, model.name, access_level=level),
                f"{ACCESS[level][0]} now",
            )


def _grants(actor: Actor, model: ModelSummary) -> None:
    found = platform().model_changes.grants(actor, model.name)
    with card("grants"):
        st.subheader("People", anchor=False)
        st.markdown(":gray[They may see and use this model whatever its access level.]")
        _owner(model)
        for grant in found:
            _person(actor, model, grant)
        with st.form(f"model.grant_form.{model.name}", border=False, clear_on_submit=False):
            left, right = st.columns([0.68, 0.32], vertical_alignment="bottom")
            name = left.text_input("User name", key=f"model.grant.{model.name}.{len(found)}", max_chars=64)
            pressed = right.form_submit_button("Grant", icon=":material/person_add:", width="stretch")
        if pressed:
            who = name.strip()
            attempt(lambda: platform().model_changes.grant(actor, model.name, who), f"{who} may use {model.name} now")


def _owner(model: ModelSummary) -> None:
    st.markdown(f":material/account_circle: **{plain(model.owner_name, longest=60)}** :gray[· owner]")


def _person(actor: Actor, model: ModelSummary, grant: Grant) -> None:
    text, button = st.columns([0.62, 0.38], vertical_alignment="center")
    shown = f"**{plain(grant.username, longest=60)}**" if grant.username else ":gray[an account that is gone]"
    text.markdown(f":material/person: {shown}")
    with button, st.container(horizontal_alignment="right"):
        sure = confirmed(
            f"model.revoke.{model.name}.{grant.user_id}",
            "Revoke",
            f"{grant.username or 'This account'} keeps only what the access level gives.",
            icon="person_remove",
            really="Really revoke",
        )
    if sure:
        attempt(
            lambda: platform().model_changes.revoke(actor, model.name, grant.user_id),
            f"The grant of {grant.username or 'the account'} is taken back",
        )
