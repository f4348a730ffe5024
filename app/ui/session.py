"""Who looks at the page, and the platform it is drawn from."""

from dataclasses import dataclass, replace

import streamlit as st

from app.platform import Platform
from registry.access import Actor
from registry.access.actor import of_user
from registry.errors import RegistryError, Unavailable, UserNotFound


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


def actor() -> Actor | None:
    """The signed-in user as the records have them now; None for nobody."""
    user_id = st.user.get("id")
    if not isinstance(user_id, str) or not user_id:
        return None
    try:
        user = platform().accounts.get(user_id)
    except UserNotFound:
        return None
    return replace(of_user(user, "session"), address=address()) if user.active else None


def required() -> Actor:
    """The signed-in user of a page. Raises RegistryError where there is none."""
    found = actor()
    if found is None:
        raise RegistryError("this page was opened without a signed-in user")
    return found
