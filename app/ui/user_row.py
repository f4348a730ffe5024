"""A user as lists show one."""

import streamlit as st

from app.ui.frame import ROLE_NAMES, card
from app.ui.text import ago, plain
from registry.records import User

_COLOURS = {"admin": "violet", "engineer": "blue", "operator": "green", "user": "gray"}


def user_badges(user: User) -> None:
    """Role, entitlement, and what keeps the user from signing in."""
    st.badge(ROLE_NAMES[user.role], color=_COLOURS[user.role])  # type: ignore[arg-type]
    if user.premium:
        st.badge("Premium", icon=":material/star:", color="orange")
    if not user.approved:
        st.badge("Waiting for approval", icon=":material/hourglass_top:", color="orange")
    elif not user.active:
        st.badge("Switched off", icon=":material/block:", color="red")


def user_row(user: User) -> None:
    """One user with the buttons that lead on."""
    with card(f"link_user_{user.id}"):
        left, right = st.columns([0.8, 0.2], vertical_alignment="center")
        with left, st.container(gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                if st.button(f"**{plain(user.username)}**", key=f"users.name.{user.id}", type="tertiary"):
                    _open(user)
                user_badges(user)
            seen = f"last sign-in {ago(user.last_login_at)}" if user.last_login_at else "never signed in"
            parts = [user.full_name, user.email, f"{seen}, since {user.created_at:%d %B %Y}"]
            st.caption(" · ".join(plain(part, longest=120) for part in parts if part))
        with right, st.container(horizontal=True, horizontal_alignment="right"):
            if st.button("Open", key=f"users.open.{user.id}"):
                _open(user)


def _open(user: User) -> None:
    st.query_params["user"] = user.id
    st.rerun()
