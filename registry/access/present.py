"""What an actor may at this very moment, which a process remembers for up to a second longer."""

from dataclasses import replace

from sqlmodel import Session

from registry.access.actor import Actor
from registry.access.permissions import Action, require
from registry.errors import NotSignedIn
from registry.records import Role, User


def require_now(session: Session, actor: Actor, action: Action) -> None:
    """As `require`, with the role that the records give the actor now: whoever lost it cannot take it back.

    Raises NotSignedIn where the account is gone or switched off, Forbidden.
    """
    require(actor, action)
    if actor.via == "local":
        return
    user = session.get(User, actor.id, populate_existing=True)
    if user is None or not user.active:
        raise NotSignedIn("this account is switched off")
    require(replace(actor, role=Role(user.role), premium=user.premium), action)
