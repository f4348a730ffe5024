"""The custom settings: each with its value as JSON, and a form for a new one."""

import streamlit as st

from app.ui.frame import card
from app.ui.session import platform
from app.ui.setting_edits import Edits, widget
from app.ui.setting_field import obstacle, sentence
from app.ui.states import error_box
from app.ui.text import ago, plain
from registry.access import Action, Actor, allowed
from registry.access.live import Entry
from registry.access.live.catalogue import CATEGORY_TEXTS, CUSTOM
from registry.access.live.checking import from_text
from registry.errors import RegistryError

_DELETING = "settings.deleting"


def draw(actor: Actor) -> None:
    """The whole tab."""
    editable = allowed(actor, Action.CHANGE_SETTINGS)
    found = platform().editor.list(actor, category=CUSTOM)
    with card("settings"):
        st.subheader("Custom", anchor=False)
        st.markdown(f":gray[{CATEGORY_TEXTS[CUSTOM]}. Staff can read them: keep no secret here.]")
        if editable:
            _new(actor)
        if not found:
            st.markdown(":gray[There are none yet.]")
        for entry in found:
            _entry(actor, entry, editable=editable)


def _new(actor: Actor) -> None:
    with (
        st.expander("Add a setting", icon=":material/add:"),
        st.form("settings.new", border=False, enter_to_submit=False),
    ):
        left, right = st.columns(2)
        key = left.text_input("Key", key="settings.new_key", max_chars=64, placeholder="line-3.threshold")
        title = right.text_input("Title", key="settings.new_title", max_chars=120)
        words = st.text_input("Description", key="settings.new_description", max_chars=500)
        text = st.text_area("Value, as JSON or text", key="settings.new_value", height=90)
        if not st.form_submit_button("Add", type="primary"):
            return
        try:
            platform().editor.create(actor, key.strip(), from_text(key, text), title, words)
        except RegistryError as error:
            error_box(error)
        else:
            for name in ("key", "title", "description", "value"):
                st.session_state.pop(f"settings.new_{name}")
            st.rerun()


def _entry(actor: Actor, entry: Entry, *, editable: bool) -> None:
    st.divider()
    about, edits = entry.definition, Edits.mine()
    title = "" if about.title == entry.key else f" · {plain(about.title)}"
    who = f"Changed by {plain(entry.updated_by, longest=32)}, {ago(entry.updated_at)}" if entry.updated_at else ""
    st.markdown(f"**{plain(entry.key)}**{title}  \n:gray[{sentence(about.description)}]")
    st.caption(who)
    edits.fill(entry)
    if not editable:
        st.text_area("Value", key=widget(entry.key), height=90, disabled=True, label_visibility="collapsed")
        return
    with st.form(f"settings.custom.{entry.key}", border=False, enter_to_submit=False):
        st.text_area(f"Value of {entry.key}", key=widget(entry.key), height=90, label_visibility="collapsed")
        theirs = obstacle(entry, edits)
        with st.container(horizontal=True):
            saved = st.form_submit_button("Save", key=f"settings.save.{entry.key}", icon=":material/save:")
            deleted = _delete_button(entry.key)
    try:
        if saved:
            edits.save(platform().editor, actor, [entry])
        elif deleted:
            _delete(actor, entry.key, edits)
        elif theirs:
            edits.drop(entry.key)
    except RegistryError as error:
        error_box(error)
        return
    if saved or deleted or theirs:
        st.rerun()


def _delete_button(key: str) -> bool:
    asked = st.session_state.get(_DELETING) == key
    return st.form_submit_button(
        "Really delete" if asked else "Delete",
        key=f"settings.delete.{key}",
        type="primary" if asked else "secondary",
        icon=":material/delete:",
    )


def _delete(actor: Actor, key: str, edits: Edits) -> None:
    """The first press asks, the second deletes."""
    if st.session_state.pop(_DELETING, None) != key:
        st.session_state[_DELETING] = key
        return
    platform().editor.delete(actor, key)
    edits.drop(key)
