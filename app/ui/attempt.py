"""Doing what a button says: the page anew with a word about it, or why it was refused."""

from collections.abc import Callable

import streamlit as st

from app.ui.states import error_box
from app.ui.text import plain
from registry.errors import RegistryError


def attempt(act: Callable[[], object], said: str, *, icon: str = "check_circle", meanwhile: str = "") -> None:
    """Do it and run the page again with `said` on it, or draw the error here; `meanwhile` is for what takes long."""
    try:
        if meanwhile:
            with st.spinner(meanwhile, show_time=True):
                act()
        else:
            act()
    except RegistryError as error:
        error_box(error)
    else:
        done(said, icon=icon)


def done(said: str, *, icon: str = "check_circle") -> None:
    """Say it on the page's next run, which begins now."""
    st.toast(plain(said), icon=f":material/{icon}:")
    st.rerun()
