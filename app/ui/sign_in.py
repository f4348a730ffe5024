"""The way in: first-start setup, then streamlit-authenticator's login form over our accounts."""

from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit_authenticator import Authenticate

from app.ui import registration, single_sign_on, theme
from app.ui.browser import exchange
from app.ui.session import address, browser, platform
from app.ui.states import error_box
from registry.access.accounts import Accounts
from registry.errors import InvalidInput, RegistryError
from registry.records import User

_CODE, _PROBLEM, _FROM_LINK = "sign_in.code", "sign_in.problem", "sign_in.from_link"
_FIELDS = {"Form name": "Sign in", "Username": "User name", "Password": "Password", "Login": "Sign in"}


class _NoCookie:
    """Stands where the library's cookie component would be; its cookie is readable by scripts and cannot be revoked."""

    def get_cookie(self) -> None:
        """There is none."""

    def set_cookie(self) -> None:
        """The browser gets ours from `/auth/exchange` instead."""


@dataclass(frozen=True, slots=True)
class _OurAccounts:
    """Stands where the library's controller would be: the password is proven by `Accounts`."""

    accounts: Accounts

    def login(self, username: str | None = None, password: str | None = None, *_: object, **__: object) -> bool:
        """Whether the form's name and password are right; leaves the code or the problem for the page."""
        st.session_state.pop(_PROBLEM, None)
        try:
            if not username or not password:
                raise InvalidInput("a user name and a password are needed")
            user = self.accounts.prove(username.strip(), password, address(), browser=browser())
            st.session_state[_CODE] = self.accounts.code_for(user)
        except RegistryError as error:
            st.session_state[_PROBLEM] = error
            return False
        return True


class _Login(Authenticate):  # type: ignore[misc]
    """The library's widgets with our own objects behind them; its constructor, which reads a user file, never runs."""

    def __init__(self, accounts: Accounts) -> None:
        self.path = None
        self.attrs: dict[str, Any] = {"login_sleep_time": 0}
        self.secret_key = ""
        self.cookie_controller = _NoCookie()
        self.authentication_controller = _OurAccounts(accounts)


def draw() -> None:
    """The sign-in page, or the setup page while there is no administrator."""
    with st.container(key="sign_in_column"):
        st.image(theme.wordmark(theme.ink()), width=150)
        st.markdown(":gray[Vision models, from the notebook to the live camera.]")
        if _CODE in st.session_state:
            exchange(st.session_state[_CODE])
            return
        accounts = platform().accounts
        _take_token_from_address()
        try:
            if accounts.needs_setup():
                _setup(accounts)
            elif not registration.draw(accounts):
                if _FROM_LINK in st.session_state:
                    st.info("This setup link was used already. Sign in with the account that it made.")
                _login(accounts)
                registration.offer()
        except RegistryError as error:
            error_box(error)


def _take_token_from_address() -> None:
    """The setup link's token goes into the form, and out of the address bar and the history."""
    given = st.query_params.get("setup")
    if given is not None:
        st.session_state["sign_in.token"] = given[:64]
        st.session_state[_FROM_LINK] = True
        del st.query_params["setup"]


def _login(accounts: Accounts) -> None:
    single_sign_on.draw()
    _Login(accounts).login(fields=_FIELDS, key="sign_in.form")
    if _CODE in st.session_state:
        st.rerun()
    problem = st.session_state.get(_PROBLEM)
    if problem is not None:
        error_box(problem)


def _setup(accounts: Accounts) -> None:
    with st.form("sign_in.setup"):
        st.subheader("Welcome to NexusAI", anchor=False)
        st.markdown(":gray[Create the first administrator. The setup token was printed when the platform started.]")
        token = st.text_input("Setup token", key="sign_in.token", type="password", autocomplete="off")
        name = st.text_input("User name", key="sign_in.name", max_chars=64, autocomplete="username")
        first = st.text_input("Password", key="sign_in.first", type="password", autocomplete="new-password")
        again = st.text_input("Password again", key="sign_in.again", type="password", autocomplete="new-password")
        pressed = st.form_submit_button("Create administrator", type="primary", icon=":material/shield_person:")
    if pressed:
        try:
            user = _first_administrator(accounts, token, name, first, again)
            st.session_state[_CODE] = accounts.code_for(user)
        except RegistryError as error:
            error_box(error)
        else:
            st.rerun()


def _first_administrator(accounts: Accounts, token: str, name: str, first: str, again: str) -> User:
    if first != again:
        raise InvalidInput("the two passwords differ", hint="Type the same password twice.")
    return accounts.set_up(token, name, first, address())
