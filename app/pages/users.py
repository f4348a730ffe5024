"""Users: who has an account here, what each may do, and the way in for new ones."""

import streamlit as st

from app.ui import filters, user_detail, user_new
from app.ui.frame import ROLE_NAMES, page_header
from app.ui.pager import page_number, pager
from app.ui.session import platform, required
from app.ui.states import empty_state, error_box
from app.ui.text import many
from app.ui.user_row import user_row
from registry.access import Action, Actor
from registry.errors import RegistryError
from registry.records import Role

_SIZE = 10
_ROLES = {"": "Every role"} | ROLE_NAMES
_STATES = {"": "Every state", "active": "Active", "off": "Switched off", "waiting": "Waiting for approval"}
_WANTED: dict[str, dict[str, bool]] = {
    "": {},
    "active": {"active": True},
    "off": {"active": False, "approved": True},
    "waiting": {"approved": False},
}


def draw() -> None:
    """The page."""
    actor = required(Action.MANAGE_USERS)
    user_id = st.query_params.get("user")
    if user_id:
        try:
            user_detail.draw(actor, user_id)
        except RegistryError as error:
            error_box(error)
            user_detail.way_back()
        return
    actions = page_header("Users", "Everybody who has an account here.")
    making = st.session_state.get("users.making", False)
    label, icon = ("Close", "close") if making else ("New user", "person_add")
    if actions.button(label, key="users.make", type="secondary" if making else "primary", icon=f":material/{icon}:"):
        st.session_state["users.making"] = not making
        st.rerun()
    form, note = st.container(), st.container()  # always there, or the list would move when they are filled
    with form:
        if making and user_new.draw(actor):
            st.session_state["users.making"] = False
            st.rerun()
    with note:
        _waiting(actor)
    _list(actor)


def _waiting(actor: Actor) -> None:
    _, count = platform().people.page(actor, approved=False, size=1)
    if not count or st.session_state.get("users.state") == "waiting":
        return

    def show() -> None:
        st.session_state["users.state"] = "waiting"

    with st.container(horizontal=True, vertical_alignment="center"):
        verb = "waits" if count == 1 else "wait"
        st.info(f"{many(count, 'account')} {verb} for approval.", icon=":material/hourglass_top:", width="stretch")
        st.button("Show", key="users.show_waiting", on_click=show)


def _list(actor: Actor) -> None:
    left, middle, right = st.columns([0.5, 0.25, 0.25])
    with left:
        search = filters.words("users", "search", "Search names and addresses")
    with middle:
        role = filters.choice("users", "role", "Role", _ROLES)
    with right:
        state = filters.choice("users", "state", "State", _STATES)
    found, total = platform().people.page(
        actor,
        search=search,
        role=Role(role) if role else None,
        number=page_number("users"),
        size=_SIZE,
        **_WANTED[state],
    )
    if not found:
        empty_state("search_off", "Nobody matches", "Try another word, or show every role and state.")
        return
    for user in found:
        user_row(user)
    pager("users", total, _SIZE, "user")
