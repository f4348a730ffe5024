"""The audit trail: append-only rows, each chained to the one before by its digest."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlmodel import Session, col, select

from registry.records.database import one_at_a_time
from registry.records.tables import AuditEntry, utc_now

GENESIS = "0" * 64


def append(  # noqa: PLR0913 - an audit row is these columns
    session: Session,
    *,
    actor_id: str,
    actor_name: str,
    action: str,
    target: str = "",
    outcome: str = "ok",
    address: str = "",
    details: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Add a row in the caller's write transaction, so that an action and its trace commit together."""
    one_at_a_time(session.connection(), "audit")  # the chain is a line, not a tree
    last = session.exec(select(AuditEntry).order_by(col(AuditEntry.number).desc()).limit(1)).first()
    entry = AuditEntry(
        at=utc_now(),
        actor_id=actor_id,
        actor_name=actor_name,
        action=action,
        target=target[:300],
        outcome=outcome,
        address=address[:64],
        details=dict(details or {}),
        previous=last.digest if last else GENESIS,
        digest="",
    )
    entry.digest = digest(entry)
    session.add(entry)
    session.flush()
    return entry


def digest(entry: AuditEntry) -> str:
    """sha256 (hex) of the row's contents and the previous row's digest."""
    content = [
        entry.previous,
        entry.at.isoformat(timespec="microseconds"),
        entry.actor_id,
        entry.actor_name,
        entry.action,
        entry.target,
        entry.outcome,
        entry.address,
        entry.details,
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def first_broken(session: Session) -> int | None:
    """Number of the first row that was edited, or that follows a missing one; None when the chain holds."""
    previous = GENESIS
    for entry in session.exec(select(AuditEntry).order_by(col(AuditEntry.number))):
        if entry.previous != previous or digest(entry) != entry.digest:
            return entry.number
        previous = entry.digest
    return None
