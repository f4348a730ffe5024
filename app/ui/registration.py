"""The form with which people make themselves an account, where registration is open."""

import streamlit as st

from app.ui.session import address, platform
from app.ui.states import error_box
from registry.access.accounts import Accounts
from registry.access.buckets import Bucket
from registry.access.networks import network_of
from registry.errors import InvalidInput, RegistryError
from registry.records import User

_ASKED, _MADE = "registration.asked", "registration.made"


def offer() -> None:
    """The way to the form, below the sign-in form, and what came of the one that was just sent."""
    made = st.session_state.pop(_MADE, None)
    if made is not None:
        st.success(made, icon=":material/how_to_reg:")
    if platform().live.current().registration_open:
        icon = ":material/person_add:"
        st.button("Create an account", key="registration.open", icon=icon, type="tertiary", on_click=_ask, args=(True,))


def draw(accounts: Accounts) -> bool:
    """The form, if somebody asked for it; whether it was drawn."""
    if not st.session_state.get(_ASKED) or not platform().live.current().registration_open:
        return False
    with st.form("registration.form"):
        st.subheader("Create an account", anchor=False)
        name = st.text_input("User name", max_chars=64, autocomplete="username")
        full_name = st.text_input("Full name (optional)", max_chars=120, autocomplete="name")
        email = st.text_input("Email (optional)", max_chars=254, autocomplete="email")
        first = st.text_input("Password", type="password", autocomplete="new-password")
        again = st.text_input("Password again", type="password", autocomplete="new-password")
        pressed = st.form_submit_button("Create account", type="primary", icon=":material/person_add:")
    icon = ":material/arrow_back:"
    st.button("Back to sign in", key="registration.back", icon=icon, type="tertiary", on_click=_ask, args=(False,))
    if pressed:
        try:
            if first != again:
                raise InvalidInput("the two passwords differ", hint="Type the same password twice.")
            per_minute = platform().live.current().limit_sign_in
            platform().limits.take_here(Bucket("sign-in", network_of(address()), per_minute))
            user = accounts.register(name, first, email=email, full_name=full_name, address=address())
        except RegistryError as error:
            error_box(error)
        else:
            st.session_state[_MADE] = _welcome(user)
            _ask(False)
            st.rerun()
    return True


def _ask(wanted: bool) -> None:
    st.session_state[_ASKED] = wanted


def _welcome(user: User) -> str:
    if user.active:
        return "Your account is ready: sign in with it."
    return "Your account is made. You can sign in once an administrator has approved it."
