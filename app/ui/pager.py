"""Paging through a list that the server cuts into pages."""

import math

import streamlit as st

from app.ui.text import many


def page_number(name: str) -> int:
    """The page a list stands at; `name` is the list's."""
    return int(st.session_state.get(f"{name}.number", 1))


def first_page(name: str) -> None:
    """Back to the start, for when a filter changes."""
    st.session_state[f"{name}.number"] = 1


def pager(name: str, total: int, size: int, noun: str, nouns: str = "") -> None:
    """How many there are, and the way to the pages before and after."""
    number, last = page_number(name), max(1, math.ceil(total / size))
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f":gray[{many(total, noun, nouns)}]")
        if last > 1:
            with st.container(horizontal=True, vertical_alignment="center", width="content"):
                _step(name, "previous", "chevron_left", number - 1, enabled=number > 1)
                st.markdown(f":gray[{number} of {last}]")
                _step(name, "next", "chevron_right", number + 1, enabled=number < last)


def _step(name: str, word: str, icon: str, number: int, *, enabled: bool) -> None:
    def go() -> None:
        st.session_state[f"{name}.number"] = number

    st.button(
        " ", key=f"{name}.{word}", icon=f":material/{icon}:", help=f"{word} page", on_click=go, disabled=not enabled
    )
