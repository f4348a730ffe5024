"""Queries on the audit trail."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, String, cast, func
from sqlalchemy import select as core_select
from sqlmodel import Session, and_, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from registry.records import users
from registry.records.audit import Outcome
from registry.records.tables import AuditEntry, AuditHead, User

LOOK_BACK = 6_000  # entries that free text is searched in: the newest that the other filters leave
_BATCH = 1_000
_number = col(AuditEntry.number)


@dataclass(frozen=True, slots=True)
class TrailFilter:
    """Which entries of the trail are meant; what is left empty does not narrow.

    `person` is a user's id or name; a name that nobody has now is looked for in the entries themselves. `action` is
    the beginning of one, such as `user.`, `target` the beginning of one, such as `model:`. `text` is part of any
    column, upper and lower case alike.
    """

    person: str = ""
    action: str = ""
    target: str = ""
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""


def page(session: Session, wanted: TrailFilter, *, number: int, size: int) -> tuple[Sequence[AuditEntry], int]:
    """One page of entries, newest first, and how many there are.

    Free text is searched in the newest LOOK_BACK entries that the other filters leave: it has no index.
    """
    if wanted == TrailFilter():
        return _page_of_all(session, number, size)
    query = _matching(session, wanted, look_back=LOOK_BACK)
    skipped = (number - 1) * size
    found = session.exec(query.order_by(_number.desc()).offset(skipped).limit(size)).all()
    if len(found) < size and (found or number == 1):
        return found, skipped + len(found)  # a page that is not full is the last: it tells the total by itself
    return found, session.exec(query.with_only_columns(func.count(_number))).one()  # type: ignore[call-overload]


def _page_of_all(session: Session, number: int, size: int) -> tuple[Sequence[AuditEntry], int]:
    """By number, without counting: the trail has no gaps."""
    head = session.get(AuditHead, 1)
    total = head.number if head else 0
    newest = total - (number - 1) * size
    query = select(AuditEntry).where(_number <= newest, _number > newest - size).order_by(_number.desc())
    return session.exec(query).all(), total


def batch(session: Session, wanted: TrailFilter, *, below: int | None = None) -> Sequence[AuditEntry]:
    """The newest entries with a number less than `below`: for walking through all of them, however many."""
    query = _matching(session, wanted)
    if below is not None:
        query = query.where(_number < below)
    return session.exec(query.order_by(_number.desc()).limit(_BATCH)).all()


def actions(session: Session) -> list[str]:
    """Every action that occurs in the trail, by name.

    Steps from one to the next along the index: there are few, and a look at every entry would take long.
    """
    steps = core_select(func.min(AuditEntry.action).label("action")).cte("steps", recursive=True)
    after = core_select(func.min(AuditEntry.action)).where(col(AuditEntry.action) > steps.c.action).scalar_subquery()
    steps = steps.union_all(core_select(after).where(steps.c.action.is_not(None)))
    found = session.connection().execute(core_select(steps.c.action).where(steps.c.action.is_not(None)))
    return sorted(found.scalars())


def _matching(session: Session, wanted: TrailFilter, *, look_back: int | None = None) -> SelectOfScalar[AuditEntry]:
    query = select(AuditEntry).where(*_conditions(session, wanted))
    if not wanted.text:
        return query
    if look_back is not None:
        oldest = query.with_only_columns(_number).order_by(_number.desc()).offset(look_back - 1).limit(1)
        query = query.where(_number >= (session.exec(oldest).first() or 0))  # type: ignore[call-overload]
    return query.where(_contains(wanted.text))


def _conditions(session: Session, wanted: TrailFilter) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if wanted.person:
        where.append(_by(session, wanted.person))
    if wanted.action:  # as a list, because a range of texts means something else in every collation
        begun = [action for action in actions(session) if action.startswith(wanted.action)]
        where.append(col(AuditEntry.action).in_(begun))
    if wanted.target:
        where.append(col(AuditEntry.target).startswith(wanted.target, autoescape=True))
    if wanted.outcome:
        where.append(col(AuditEntry.outcome) == wanted.outcome)
    if wanted.since:
        where.append(col(AuditEntry.at) >= wanted.since)
    if wanted.until:
        where.append(col(AuditEntry.at) < wanted.until)
    return where


def _by(session: Session, person: str) -> ColumnElement[bool]:
    """Entries of one person; by the index on ids wherever the name belongs to somebody."""
    user = session.get(User, person) or users.by_name(session, person)  # nobody's name hides another's id
    if user is None:
        return or_(col(AuditEntry.actor_id) == person, col(AuditEntry.actor_name) == person)
    unproven = and_(col(AuditEntry.actor_id) == "anonymous", col(AuditEntry.actor_name) == user.username)
    return or_(
        col(AuditEntry.actor_id).in_([user.id, person]), unproven
    )  # wrong passwords for the name are told as well


def _contains(text: str) -> ColumnElement[bool]:
    told, details = text.lower(), json.dumps(text)[1:-1].lower()  # details are stored with their letters escaped
    columns = (col(AuditEntry.actor_name), col(AuditEntry.action), col(AuditEntry.target), col(AuditEntry.address))
    within = [func.lower(column).contains(told, autoescape=True) for column in columns]
    return or_(*within, func.lower(cast(AuditEntry.details, String)).contains(details, autoescape=True))
