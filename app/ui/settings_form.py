"""The form of one category of settings."""

from collections.abc import Sequence

import streamlit as st

from app.ui import setting_field
from app.ui.frame import card
from app.ui.session import platform
from app.ui.setting_edits import Edits
from app.ui.states import error_box
from app.ui.text import many
from registry.access import Actor, allowed
from registry.access.live import Entry
from registry.access.live.catalogue import CATEGORY_TEXTS
from registry.access.live.edits import editors_action
from registry.errors import RegistryError


def draw(actor: Actor, category: str, title: str) -> None:
    """The whole form."""
    found, edits = platform().editor.list(actor, category=category), Edits.mine()
    for entry in found:
        edits.fill(entry)
    may = [allowed(actor, editors_action(entry)) for entry in found]
    with card("settings"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader(title, anchor=False)
            if not all(may):
                st.badge("An administrator changes these", icon=":material/lock:", color="gray")
        st.markdown(f":gray[{CATEGORY_TEXTS[category]}.]")
        _form(actor, found, edits, editable=any(may))


def _form(actor: Actor, found: Sequence[Entry], edits: Edits, *, editable: bool) -> None:
    saved, wishes = False, {}
    with st.form("settings.form", border=False, enter_to_submit=False) if editable else st.container():
        for entry in found:
            st.divider()
            wishes[entry.key] = setting_field.draw(entry, edits, editable=editable)
        if editable:
            st.divider()
            saved = st.form_submit_button("Save changes", type="primary", icon=":material/save:", key="settings.save")
    try:
        if saved:
            _save(actor, found, edits)
        for key, wish in wishes.items():
            if wish is not None:
                _fulfil(actor, key, wish, edits)
    except RegistryError as error:
        error_box(error)


def _save(actor: Actor, found: Sequence[Entry], edits: Edits) -> None:
    count = edits.save(platform().editor, actor, found)
    if count:
        st.toast(f"{many(count, 'setting')} saved", icon=":material/check_circle:")
    elif edits.problems or edits.conflicts:
        st.toast("Nothing was saved: look at the fields that are marked", icon=":material/error:")
    else:
        st.toast("There is nothing to save", icon=":material/info:")
    st.rerun()


def _fulfil(actor: Actor, key: str, wish: setting_field.Wish, edits: Edits) -> None:
    if wish == "reset":
        platform().editor.reset(actor, key)
    edits.drop(key)
    st.rerun()
