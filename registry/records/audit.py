"""The audit trail: append-only rows, each chained to the one before by its digest."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from sqlalchemy import func, true
from sqlmodel import Session, col, select

from registry.records.audit_details import fit, fit_text
from registry.records.database import one_at_a_time
from registry.records.tables import AuditEntry, AuditHead, User, utc_now

GENESIS = "0" * 64
_BATCH = 2_000

Outcome = Literal["ok", "refused", "failed"]
Fault = Literal["edited", "missing", "head"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a walk along the chain found.

    `rows` were checked before the walk ended. At the first problem `number` names the row and `fault` says what
    is wrong with it: it was edited, it is missing, or the head (which remembers the newest row) was tampered with.
    `digest` is the newest row's: kept somewhere else, it also proves that the whole trail was not written anew.
    """

    rows: int
    digest: str
    number: int | None = None
    fault: Fault | None = None

    @property
    def holds(self) -> bool:
        """Whether every row is there, as it was written."""
        return self.fault is None


def append(  # noqa: PLR0913 - an audit row is these columns
    session: Session,
    *,
    actor_id: str,
    actor_name: str,
    action: str,
    target: str = "",
    outcome: Outcome = "ok",
    address: str = "",
    details: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Add a row in the caller's write transaction, so that an action and its trace commit together.

    Texts are cut to their columns; details are bounded and stripped of secrets by `audit_details.fit`.
    """
    one_at_a_time(session.connection(), "audit")  # the chain is a line, not a tree
    head = session.get(AuditHead, 1, populate_existing=True) or AuditHead(id=1, number=0, digest=GENESIS)
    last = session.exec(select(func.max(AuditEntry.number))).one() or 0  # above the head only if somebody tampered
    entry = AuditEntry(
        number=max(head.number, last) + 1,
        at=utc_now(),
        actor_id=fit_text(actor_id, 64),
        actor_name=fit_text(actor_name, 64),
        action=fit_text(action, 64),
        target=fit_text(target, 300),
        outcome=outcome,
        address=fit_text(address, 64),
        details=fit(details or {}),
        previous=head.digest,
        digest="",
    )
    entry.digest = digest(entry)
    head.number, head.digest = entry.number or 0, entry.digest
    session.add_all([entry, head])
    session.flush()
    return entry


class _Row(Protocol):
    """What a digest is made of: a table row, or the columns of one."""

    at: datetime
    actor_id: str
    actor_name: str
    action: str
    target: str
    outcome: str
    address: str
    details: dict[str, Any]
    previous: str


def digest(row: _Row) -> str:
    """sha256 (hex) of the row's contents and the previous row's digest."""
    content = [
        row.previous,
        row.at.isoformat(timespec="microseconds"),
        row.actor_id,
        row.actor_name,
        row.action,
        row.target,
        row.outcome,
        row.address,
        row.details,
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


# The head comes with every row: one query sees one state, whoever appends meanwhile.
_WALK: Any = (
    select(  # type: ignore[call-overload]
        *AuditEntry.__table__.columns,  # type: ignore[attr-defined]
        col(AuditHead.number).label("head_number"),
        col(AuditHead.digest).label("head_digest"),
    )
    .join(AuditHead, true(), isouter=True)
    .order_by(col(AuditEntry.number))
)


def verify(session: Session) -> Verdict:
    """Walk the chain from its first row to its head, in flat memory.

    Whoever can write to the database could compute every digest anew, from a row on to the head: against that
    only a digest helps that was kept elsewhere.
    """
    rows, number, newest = 0, 0, GENESIS
    head_number, head_digest = _head(session)
    for row in session.exec(_WALK.execution_options(yield_per=_BATCH)):
        head_number, head_digest = row.head_number or 0, row.head_digest or GENESIS
        if digest(row) != row.digest:
            return Verdict(rows, newest, row.number, "edited")
        if row.previous != newest:
            if row.number != number + 1 or not number:
                return Verdict(rows, newest, number + 1, "missing")
            # The row that this one was made after stands elsewhere, or the one before was written anew.
            moved = session.exec(select(AuditEntry.number).where(AuditEntry.digest == row.previous)).first() is not None
            return Verdict(rows, newest, row.number, "edited") if moved else Verdict(rows - 1, newest, number, "edited")
        rows, number, newest = rows + 1, row.number, row.digest
    emptied = not rows and session.exec(select(User.id).limit(1)).first() is not None  # each account left a row
    if head_number > number or emptied:
        return Verdict(rows, newest, number + 1, "missing")
    if head_digest != newest:
        return Verdict(rows, newest, number, "head")
    return Verdict(rows, newest)


def _head(session: Session) -> tuple[int, str]:
    found = session.get(AuditHead, 1, populate_existing=True)
    return (found.number, found.digest) if found else (0, GENESIS)
