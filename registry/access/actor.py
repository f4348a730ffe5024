"""The one on whose behalf something is done."""

import getpass
from dataclasses import dataclass
from typing import Literal

from registry.records import Role, User

Via = Literal["session", "token", "key", "local", "anonymous"]


@dataclass(frozen=True, slots=True)
class Actor:
    """A person with a role, as proven by a session, a token, a key or the local account."""

    id: str
    name: str
    role: Role | None
    premium: bool = False
    via: Via = "session"
    address: str = ""
    scopes: frozenset[str] | None = None  # what an API key was made for; None is everything the role may
    credential: str = ""  # which session, token family or key proved it; never the secret itself

    @property
    def known(self) -> bool:
        """Whether anybody proved anything."""
        return self.role is not None


ANONYMOUS = Actor(id="anonymous", name="anonymous", role=None, via="anonymous")


def of_user(user: User, via: Via, address: str = "", credential: str = "") -> Actor:
    """The actor for a stored user."""
    return Actor(user.id, user.username, Role(user.role), user.premium, via, address, credential=credential)


def local_actor() -> Actor:
    """The account this process runs under: whoever can read the home's databases administers them."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container may run under a uid without a name
        name = "unknown"
    return Actor(id=f"local:{name}", name=f"local:{name}", role=Role.ADMIN, premium=True, via="local")
