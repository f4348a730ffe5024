"""The form for a new user."""

import streamlit as st

from app.ui.frame import ROLE_NAMES, card
from app.ui.password_form import shortest_password
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import plain
from registry.access import Actor
from registry.errors import RegistryError
from registry.records import Role


def draw(actor: Actor) -> bool:
    """Draw the form; True in the run in which a user was made."""
    shortest = shortest_password()
    with card("user_new"), st.form("users.new", border=False):
        st.subheader("New user", anchor=False)
        left, right = st.columns(2)
        name = left.text_input("User name", key="users.new_name", max_chars=64)
        email = right.text_input("Email (optional)", key="users.new_email", max_chars=254)
        full_name = left.text_input("Full name (optional)", key="users.new_full_name", max_chars=120)
        password = right.text_input(
            "Password",
            key="users.new_password",
            type="password",
            max_chars=128,
            autocomplete="new-password",
            help=f"At least {shortest} characters. Hand it over on a safe way; it can be changed on the Account page.",
        )
        role = left.selectbox(
            "Role", list(Role)[::-1], key="users.new_role", format_func=lambda each: ROLE_NAMES[str(each)]
        )
        premium = right.toggle("Premium: may use premium models", key="users.new_premium")
        if not st.form_submit_button("Make the account", type="primary", icon=":material/person_add:"):
            return False
        try:
            further = {"email": email.strip(), "full_name": full_name}
            user = platform().accounts.create(actor, name, password, role, **further, premium=premium)
        except RegistryError as error:
            error_box(error)
            return False
    st.toast(f"{plain(user.username)} can sign in now", icon=":material/person_add:")
    return True
