"""Account: who one is, one's API keys, and the way out of every browser."""

import streamlit as st

from app.ui import api_keys
from app.ui.browser import sign_out
from app.ui.frame import card, page_header, role_name
from app.ui.session import platform, required
from app.ui.text import ago, plain


def draw() -> None:
    """The page."""
    actor = required()
    user = platform().accounts.get(actor.id)
    page_header("Account", "Your profile on this platform.")
    with card("profile"):
        left, middle, right = st.columns(3)
        left.markdown(f":gray[User name]  \n**{plain(user.username)}**")
        middle.markdown(f":gray[Role]  \n**{role_name(actor)}**")
        right.markdown(f":gray[Member since]  \n**{user.created_at:%d %B %Y}**")
        if user.last_login_at is not None:
            left.markdown(f":gray[Last sign-in]  \n**{ago(user.last_login_at)}**")
        if user.email:
            middle.markdown(f":gray[Email]  \n**{plain(user.email)}**")
    api_keys.draw(actor)
    with card("sessions"):
        st.subheader("Sessions", anchor=False)
        st.markdown(
            ":gray[Signing out everywhere ends this session and every other one of yours, on all devices, "
            "within two seconds.]"
        )
        if st.button("Sign out everywhere", key="account.sign_out", icon=":material/devices_off:"):
            platform().sessions.end_all(actor.id)
            platform().tokens.revoke_all(actor.id)
            sign_out()
