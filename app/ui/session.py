"""Who looks at the page, and the platform it is drawn from."""

from dataclasses import dataclass, replace

import streamlit as st

from app.platform import Platform
from registry.access import Action, Actor, require
from registry.access.actor import ANONYMOUS
from registry.errors import Unavailable


@dataclass(slots=True)
class _Holder:
    platform: Platform | None = None


# Streamlit runs the pages itself and passes them nothing: what the server opened is left here for them.
_holder = _Holder()


def hold(platform: Platform) -> None:
    """Hand the process's platform to the pages; the server does this once, at its start."""
    _holder.platform = platform


def platform() -> Platform:
    """The platform the server opened. Raises Unavailable on pages run without our server."""
    if _holder.platform is None:
        raise Unavailable(
            "these pages belong to the NexusAI server", hint="Start it with `nexusai up`, not with `streamlit run`."
        )
    return _holder.platform


def address() -> str:
    """The network address of the browser, as the gate saw it."""
    return str(st.context.headers.get("x-nexusai-address", ""))


def browser() -> str:
    """The hash of the browser's own cookie, as the gate saw it; empty for a browser we do not know."""
    return str(st.context.headers.get("x-nexusai-browser", ""))


def actor() -> Actor | None:
    """The signed-in user as the records have them now; None for nobody, and once the session has ended."""
    user_id, sign_in = st.user.get("id"), st.user.get("session")
    if not isinstance(user_id, str) or not isinstance(sign_in, str):
        return None
    found = platform().sessions.on_page(user_id, sign_in)
    return replace(found, address=address()) if found else None


def required(action: Action = Action.SEE_DASHBOARD) -> Actor:
    """The signed-in user of a page that asks for a permission. Raises NotSignedIn, Forbidden."""
    found = actor() or ANONYMOUS
    require(found, action)
    return found
