"""Where the signed-in user is signed in: browsers and programs, and the way to end each."""

import streamlit as st

from app.ui.browser import sign_out
from app.ui.frame import card
from app.ui.pager import page_number, pager
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import ago, plain
from registry.access import Actor
from registry.access.sign_ins import SignIn
from registry.errors import RegistryError

_SIZE = 10
# In this order: most browsers also carry the names of those they descend from.
_BROWSERS = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
_SYSTEMS = {
    "Windows": "Windows",
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Mac OS": "macOS",
    "Linux": "Linux",
}


def draw(actor: Actor) -> None:
    """The whole section."""
    found = platform().sign_ins.list(actor)
    number = page_number("account.sessions")
    with card("sessions"):
        st.subheader("Sessions", anchor=False)
        st.markdown(":gray[Browsers and programs that are signed in as you. What you end stops within two seconds.]")
        for each in found[(number - 1) * _SIZE : number * _SIZE]:
            _row(actor, each)
        pager("account.sessions", len(found), _SIZE, "sign-in")
        _ends(actor, others=len(found) > 1)


def _row(actor: Actor, sign_in: SignIn) -> None:
    text, button = st.columns([0.76, 0.24], vertical_alignment="center")
    icon = "public" if sign_in.kind == "browser" else "terminal"
    here = " :green-badge[this browser]" if sign_in.current else ""
    where = f"from {plain(sign_in.address)} · " if sign_in.address else ""
    text.markdown(
        f":material/{icon}: **{plain(_agent(sign_in), longest=60)}**{here}  \n"
        f":gray[{where}signed in {ago(sign_in.created_at)} · seen {ago(sign_in.last_seen_at)}]"
    )
    if not sign_in.current and button.button("End", key=f"account.end.{sign_in.id}", width="stretch"):
        try:
            platform().sign_ins.end(actor, sign_in.id)
        except RegistryError as error:
            error_box(error)
        else:
            st.rerun()


def _ends(actor: Actor, *, others: bool) -> None:
    with st.container(horizontal=True):
        if others and st.button("End all others", key="account.end_others", icon=":material/tab_close:"):
            platform().sign_ins.end_others(actor)
            st.rerun()
        if st.button("Sign out everywhere", key="account.sign_out", icon=":material/devices_off:"):
            platform().sign_ins.end_all(actor)
            sign_out()


def _agent(sign_in: SignIn) -> str:
    """A user agent as people say it; as it is where nothing in it is known."""
    agent = sign_in.user_agent
    if sign_in.kind == "api":
        return f"Program, {agent}" if agent else "Program"
    browser = next((name for mark, name in _BROWSERS.items() if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS.items() if mark in agent), "")
    return f"{browser} on {system}" if browser and system else browser or agent or "Browser"
