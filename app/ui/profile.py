"""Who the signed-in user is, and the form to change what they may."""

import streamlit as st

from app.ui.frame import card, role_name
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import ago, plain
from registry.access import Actor
from registry.errors import RegistryError
from registry.records import User


def draw(actor: Actor) -> None:
    """The whole section."""
    user = platform().accounts.get(actor.id)
    with card("profile"):
        _facts(actor, user)
        _form(actor, user)


def _facts(actor: Actor, user: User) -> None:
    facts = {
        "User name": plain(user.username),
        "Role": role_name(actor) + (" · premium" if user.premium else ""),
        "Member since": f"{user.created_at:%d %B %Y}",
        "Last sign-in": ago(user.last_login_at) if user.last_login_at else "never",
    }
    for column, (name, value) in zip(st.columns(len(facts)), facts.items(), strict=True):
        column.markdown(f":gray[{name}]  \n**{value}**")


def _form(actor: Actor, user: User) -> None:
    with st.form("account.profile", border=False):
        left, right = st.columns(2)
        full_name = left.text_input(
            "Full name", user.full_name, key="account.full_name", max_chars=120, autocomplete="name"
        )
        email = right.text_input("Email", user.email, key="account.email", max_chars=254, autocomplete="email")
        if not st.form_submit_button("Save profile", icon=":material/save:"):
            return
    try:
        platform().accounts.update_profile(actor, email=email, full_name=full_name)
    except RegistryError as error:
        error_box(error)
    else:
        st.toast("Your profile is saved.", icon=":material/check_circle:")
