"""One setting in its form: what it means, the widget for its type, what stands in its way."""

import json
from typing import Any, Literal

import streamlit as st

from app.ui.setting_edits import Edits, widget
from app.ui.text import ago, badge_text, plain
from registry.access.live import Entry
from registry.access.live.catalogue import Definition

Wish = Literal["reset", "theirs"]


def draw(entry: Entry, edits: Edits, *, editable: bool) -> Wish | None:
    """The row of one setting; answers the button that was pressed in it."""
    about, control, button = st.columns([0.44, 0.43, 0.13], gap="medium")
    with about:
        _about(entry)
    with control:
        _control(entry.definition, disabled=not editable)
        st.caption(_bounds(entry))
        theirs = obstacle(entry, edits)
    if theirs:
        return "theirs"
    if entry.source == "changed" and editable and button.form_submit_button("Reset", key=f"settings.reset.{entry.key}"):
        return "reset"
    return None


def value_text(value: Any) -> str:
    """A value as a sentence says it; not yet escaped."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value) or "none"
    return (value or "empty") if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def sentence(text: str) -> str:
    """Text from a definition as Markdown that begins with a capital."""
    return plain(text[:1].upper() + text[1:])


def _about(entry: Entry) -> None:
    about = entry.definition
    st.markdown(f"**{plain(about.title)}**  \n:gray[{sentence(about.description)}]")
    with st.container(horizontal=True, gap="xsmall"):
        if entry.source == "changed" and entry.updated_at is not None:
            who = badge_text(entry.updated_by, longest=32)
            st.badge(f"Changed by {who}, {ago(entry.updated_at)}", icon=":material/edit:", color="blue")
        if about.restart:
            st.badge("Needs a restart", icon=":material/restart_alt:", color="orange")


def _control(about: Definition, *, disabled: bool) -> None:
    common: dict[str, Any] = {"key": widget(about.key), "disabled": disabled, "label_visibility": "collapsed"}
    if about.type == "boolean":
        st.toggle(about.title, **common)
    elif about.type == "integer":  # bounds are told beside the field: the browser would undo what it refuses
        st.number_input(about.title, value=None, step=1, **common)
    elif about.type == "list":
        st.text_area(about.title, height=110, **common)
    else:
        st.text_input(about.title, **common)


def obstacle(entry: Entry, edits: Edits) -> bool:
    """Why it was not saved; whether the other's value is to be taken."""
    if entry.key in edits.problems:
        st.markdown(f":red[:material/error: {sentence(edits.problems[entry.key])}]")
    if entry.key not in edits.conflicts:
        return False
    who, theirs = plain(edits.conflicts[entry.key], longest=32), plain(value_text(entry.value), longest=80)
    st.markdown(
        f":orange[:material/sync_problem: {who} changed this meanwhile, to **{theirs}**. "
        "Save again to put yours in its place.]"
    )
    return st.form_submit_button("Take theirs", key=f"settings.theirs.{entry.key}", icon=":material/undo:")


def _bounds(entry: Entry) -> str:
    about, default = entry.definition, f"Default: {plain(value_text(entry.default), longest=80)}."
    if about.type == "integer":
        return f"From {about.minimum:,} to {about.maximum:,} {about.unit}. {default}"
    if about.type == "list":
        return f"One per line, at most {about.max_length}. {default}"
    if about.type == "text":
        return f"At most {about.max_length} characters. {default}"
    return default
