"""The filters above a list; each that changes leads back to the first page."""

from collections.abc import Mapping
from typing import TypeVar

import streamlit as st

from app.ui.pager import first_page
from app.ui.text import as_copied

Key = TypeVar("Key")


def words(page: str, field: str, label: str, *, icon: str | None = "search", longest: int = 100) -> str:
    """A field for text, trimmed; `label` also stands in it as long as it is empty."""
    given = st.text_input(
        label,
        key=f"{page}.{field}",
        placeholder=label,
        icon=f":material/{icon}:" if icon else None,
        label_visibility="collapsed",
        max_chars=longest,
        on_change=first_page,
        args=(page,),
    )
    return as_copied(given)


def choice(page: str, field: str, label: str, options: Mapping[Key, str]) -> Key:
    """One of the options by the name it is shown with; the first is in force at the start."""
    return st.selectbox(
        label,
        list(options),
        key=f"{page}.{field}",
        format_func=options.__getitem__,
        label_visibility="collapsed",
        on_change=first_page,
        args=(page,),
    )
