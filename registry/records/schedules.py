"""Schedules of jobs: the table with its queries."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, func, or_
from sqlmodel import Field, Session, SQLModel, col, select, update

from registry.records.tables import UtcDateTime, new_id, utc_now


def _time(*, index: bool = False) -> Any:
    return Field(default=None, sa_column=Column(UtcDateTime(), nullable=True, index=index))


def _now() -> Any:
    return Field(default_factory=utc_now, sa_column=Column(UtcDateTime(), nullable=False))


class Schedule(SQLModel, table=True):
    """A job that is started again and again. `next_at` is None while it rests, and before it was first looked at.

    `problem` says why its last start came to nothing; `revision` counts its changes.
    """

    __tablename__ = "schedules"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    name: str = Field(max_length=80)
    kind: str = Field(max_length=64)
    parameters: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    cron: str = Field(max_length=120)
    time_zone: str = Field(max_length=64)
    active: bool = True
    owner_id: str = Field(max_length=64, index=True)
    owner_name: str = Field(max_length=80)
    revision: int = 1
    next_at: datetime | None = _time(index=True)
    last_at: datetime | None = _time()
    last_job_id: str = Field(default="", max_length=32)
    problem: str = Field(default="", max_length=400)
    created_at: datetime = _now()
    updated_at: datetime = _now()


def page(session: Session, *, owner_id: str | None, number: int, size: int) -> tuple[Sequence[Schedule], int]:
    """One page by name with the total; `owner_id` None means everybody's."""
    wanted = [] if owner_id is None else [col(Schedule.owner_id) == owner_id]
    query = select(Schedule).where(*wanted).order_by(func.lower(Schedule.name), col(Schedule.id))
    total = select(func.count()).select_from(Schedule).where(*wanted)
    return session.exec(query.offset((number - 1) * size).limit(size)).all(), session.exec(total).one()


def count(session: Session, owner_id: str) -> int:
    """How many an owner has."""
    return session.exec(select(func.count()).select_from(Schedule).where(Schedule.owner_id == owner_id)).one()


def is_named(session: Session, owner_id: str, name: str, *, but: str = "") -> bool:
    """Whether an owner has one of that name, whatever its case, `but` one by its id."""
    theirs = select(Schedule.name).where(Schedule.owner_id == owner_id, Schedule.id != but)
    return name.casefold() in {each.casefold() for each in session.exec(theirs)}


def every(session: Session) -> Sequence[Schedule]:
    """All of them."""
    return session.exec(select(Schedule).order_by(col(Schedule.id))).all()


def due(session: Session, now: datetime) -> Sequence[Schedule]:
    """Those whose time has come, and those that nobody looked at yet."""
    comes = or_(col(Schedule.next_at).is_(None), col(Schedule.next_at) <= now)
    query = select(Schedule).where(col(Schedule.active).is_(True), comes)
    return session.exec(query.order_by(col(Schedule.next_at), col(Schedule.id))).all()


def note(session: Session, schedule: Schedule, **values: Any) -> bool:
    """Write down what became of a due time, unless somebody else did or changed the schedule meanwhile."""
    same = (
        col(Schedule.id) == schedule.id,
        col(Schedule.revision) == schedule.revision,
        col(Schedule.next_at).is_(None) if schedule.next_at is None else col(Schedule.next_at) == schedule.next_at,
    )
    done = session.exec(update(Schedule).where(*same).values(**values))
    return bool(done.rowcount)
