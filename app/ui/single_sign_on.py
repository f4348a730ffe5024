"""The sign-in page's button for single sign-on, and what went wrong on the way."""

from html import escape
from urllib.parse import urlsplit

import streamlit as st

from app.single_sign_on import PROBLEM, UNAVAILABLE, login_address
from app.ui.session import platform
from app.ui.states import error_box
from registry.access.single_sign_on import REFUSALS, Refusal
from registry.errors import RegistryError, SingleSignOnFailed, Unavailable

_KEY = "single_sign_on.problem"
# `st.link_button` would open a second tab: an anchor of our own stays in this one.
_BUTTON = """
<style>
.nx-sso { display: block; padding: .62rem 1rem; border: 1px solid var(--nx-line); border-radius: .55rem;
  background: var(--nx-raised); text-align: center; font-weight: 550; overflow-wrap: anywhere;
  transition: border-color .15s; }
.nx-sso, .nx-sso:hover, .nx-sso:visited { color: inherit; text-decoration: none; }
.nx-sso:hover, .nx-sso:focus-visible { border-color: var(--nx-accent); }
.nx-or { display: flex; align-items: center; gap: .8rem; margin-top: 1rem; opacity: .65; font-size: .85rem; }
.nx-or::before, .nx-or::after { content: ""; flex: 1; border-top: 1px solid currentColor; opacity: .3; }
</style>
<a class="nx-sso" href="HREF" target="_self">Continue with NAME</a>
<div class="nx-or">or with a password</div>
"""


def draw() -> None:
    """The button when a provider is set up; nothing otherwise."""
    settings = platform().settings
    if not settings.oidc_issuer:
        return
    _take_problem_from_address()
    problem = _problem(st.session_state.get(_KEY))
    if problem is not None:
        error_box(problem)
    wanted = urlsplit(st.context.url or "/").path
    st.html(_BUTTON.replace("HREF", escape(login_address(wanted))).replace("NAME", escape(settings.oidc_name)))


def _take_problem_from_address() -> None:
    """The word goes into the page's state, and out of the address bar: a reload starts afresh."""
    given = st.query_params.get(PROBLEM)
    if given is not None:
        st.session_state[_KEY] = given
        del st.query_params[PROBLEM]


def _problem(word: str | None) -> RegistryError | None:
    """The error of a word in the address; None for words that are not ours."""
    if word == UNAVAILABLE:
        return Unavailable("single sign-on does not work at the moment", hint="Try again in a moment.")
    if word not in set(Refusal):
        return None
    message, hint = REFUSALS[Refusal(word)]
    return SingleSignOnFailed(message, hint=hint)
