"""The form by which an administrator gives somebody another password."""

import streamlit as st

from app.ui.session import platform
from app.ui.states import error_box
from registry.access import Actor
from registry.errors import RegistryError
from registry.records import User


def draw(actor: Actor, user: User) -> None:
    """The whole form."""
    with st.form("user.password_form", border=False, clear_on_submit=True):
        new = st.text_input(
            "New password", key="user.password", type="password", max_chars=128, autocomplete="new-password"
        )
        st.caption("Ends every sign-in of this user. API keys stay.")
        if st.form_submit_button("Reset the password", icon=":material/lock_reset:"):
            try:
                platform().accounts.reset_password(actor, user.id, new)
            except RegistryError as error:
                error_box(error)
            else:
                st.success("The password is changed.", icon=":material/check_circle:")
