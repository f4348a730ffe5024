"""What an actor did, into the audit trail."""

from collections.abc import Mapping
from typing import Any

from sqlmodel import Session

from registry.access.actor import Actor
from registry.records import audit


def trace(session: Session, actor: Actor, action: str, target: str, details: Mapping[str, Any]) -> None:
    """Add a row in the caller's write transaction, so that an action and its trace commit together."""
    audit.append(
        session,
        actor_id=actor.id,
        actor_name=actor.name,
        action=action,
        target=target,
        address=actor.address,
        details=details,
    )
