"""The frame around every page: the sidebar with brand and user, the header with the page's actions."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.ui import theme
from app.ui.browser import links_open_anew, sign_out
from app.ui.session import platform
from app.ui.text import plain
from registry.access import Actor

ROLE_NAMES = {"admin": "Administrator", "engineer": "Engineer", "operator": "Operator", "user": "User"}


def sidebar(actor: Actor) -> None:
    """Brand on top, the signed-in user with the way out at the bottom."""
    st.logo(theme.wordmark("#f4f6ff"), icon_image=theme.MARK, size="large")
    with st.sidebar, st.container(key="sidebar_user", gap="small"):
        st.markdown(f":material/account_circle: **{plain(actor.name, longest=32)}**  \n{role_name(actor)}")
        if st.button("Sign out", key="sidebar.sign_out", icon=":material/logout:", width="stretch"):
            sign_out()
        links_open_anew()


def notice() -> None:
    """The line that administrators set for everybody, signed in or not."""
    text = platform().live.current().notice
    if text:
        st.info(plain(text), icon=":material/campaign:")


def role_name(actor: Actor) -> str:
    """A role as people say it."""
    return ROLE_NAMES.get(str(actor.role), "Guest")


def page_header(title: str, text: str = "") -> DeltaGenerator:
    """A page's title and one sentence about it; returns the container at the right for its actions."""
    left, right = st.columns([0.68, 0.32], vertical_alignment="center")
    with left:
        st.title(title, anchor=False)
        if text:
            st.markdown(f":gray[{text}]")
    return right.container(horizontal=True, horizontal_alignment="right")


def card(name: str, *, link: bool = False) -> DeltaGenerator:
    """A raised box; `name` is unique on its page."""
    return st.container(border=True, key=f"card_{'link_' if link else ''}{name}")
