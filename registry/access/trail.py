"""What an actor did, into the audit trail."""

from collections.abc import Mapping
from typing import Any

from sqlmodel import Session

from registry.access.actor import Actor
from registry.records import Database, audit
from registry.records.audit import Outcome


def trace(
    session: Session, actor: Actor, action: str, target: str, details: Mapping[str, Any], *, outcome: Outcome = "ok"
) -> None:
    """Add a row in the caller's write transaction, so that an action and its trace commit together.

    Where an API key proved the actor the details name it, by what the list of keys calls `id`.
    """
    if actor.via == "key" and actor.credential:
        details = {**details, "proof": f"API key {actor.credential}"}
    audit.append(
        session,
        actor_id=actor.id,
        actor_name=actor.name,
        action=action,
        target=target,
        outcome=outcome,
        address=actor.address,
        details=details,
    )


def trace_alone(
    database: Database, actor: Actor, action: str, target: str, details: Mapping[str, Any], outcome: Outcome
) -> None:
    """Add a row of its own, for what changed nothing in the records: a refusal, a change in another system."""
    with database.write() as session:
        trace(session, actor, action, target, details, outcome=outcome)
