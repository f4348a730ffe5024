"""The form with which the signed-in user changes their password."""

import streamlit as st

from app.ui.frame import card
from app.ui.session import platform
from app.ui.states import error_box
from registry.access import Actor
from registry.access.passwords import MIN_LENGTH
from registry.errors import InvalidInput, RegistryError


def draw(actor: Actor) -> None:
    """The whole section."""
    with card("password"):
        st.subheader("Password", anchor=False)
        shortest = shortest_password()
        st.markdown(
            f":gray[{shortest} to 128 characters, whichever you like. "
            "A change signs you out everywhere but here; API keys stay.]"
        )
        with st.form("account.password", border=False, clear_on_submit=True):
            left, middle, right = st.columns(3)
            old = left.text_input("Current password", type="password", autocomplete="current-password")
            first = middle.text_input("New password", type="password", autocomplete="new-password")
            again = right.text_input("New password again", type="password", autocomplete="new-password")
            pressed = st.form_submit_button("Change password", icon=":material/lock_reset:")
        if pressed:
            _change(actor, old, first, again)


def shortest_password() -> int:
    """How many characters a new password has at least."""
    return max(MIN_LENGTH, platform().live.current().password_min_length)


def _change(actor: Actor, old: str, first: str, again: str) -> None:
    try:
        if first != again:
            raise InvalidInput("the two new passwords differ", hint="Type the same password twice.")
        platform().accounts.change_password(actor, old, first)
    except RegistryError as error:
        error_box(error)
    else:
        st.success("Your password is changed. You are signed out everywhere else.", icon=":material/check_circle:")
