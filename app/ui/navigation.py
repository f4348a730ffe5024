"""The pages: title, icon, address and the permission that shows each in the navigation."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from registry.access import Action, Actor, allowed


@dataclass(frozen=True, slots=True)
class Entry:
    """One page; `address` is its path below the root, empty for the first page."""

    draw: Callable[[], None]
    title: str
    icon: str
    address: str
    action: Action


def navigate(entries: tuple[Entry, ...], actor: Actor | None) -> StreamlitPage:
    """Register every page, show those the actor may open, and give back the one that was asked for.

    Every page is registered on every run, signed in or not, or a deep link falls back to the first page.
    Each stays reachable by its key (its address, or `dashboard`) in `st.session_state["pages"]`.
    """
    pages = {entry.address or "dashboard": _page(entry, actor) for entry in entries}
    st.session_state["pages"] = pages
    return st.navigation(list(pages.values()), position="sidebar" if actor else "hidden", expanded=True)


def _page(entry: Entry, actor: Actor | None) -> StreamlitPage:
    shown = actor is not None and allowed(actor, entry.action)
    return st.Page(
        entry.draw,
        title=entry.title,
        icon=f":material/{entry.icon}:",
        url_path=entry.address or None,
        default=not entry.address,
        visibility="visible" if shown else "hidden",
    )
