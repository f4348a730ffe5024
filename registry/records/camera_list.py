"""Cameras with what their worker reported last, and their groups: the queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, func, or_
from sqlmodel import Session, col, delete, select, update

from registry.records.cameras import CameraGroup, CameraHistory, CameraLease, CameraRecord, WorkerRecord
from registry.records.clock import database_now
from registry.records.folding import has_text
from registry.records.identity import Identity
from registry.records.users import username_key

MARGIN_S = 1.5  # so long before its lease ends a worker that cannot renew it has stopped
STATES = ("stopped", "connecting", "live", "stalled", "waiting", "failed")


@dataclass(frozen=True, slots=True)
class CameraFilter:
    """Which cameras; empty texts ask for nothing. `group_id` "none" are those in no group."""

    group_id: str = ""
    state: str = ""
    text: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """A time by the database's clock, and the workers that are known to have ended by then."""

    now: datetime
    ended: frozenset[str]


Listed = tuple[CameraRecord, CameraLease | None]


def page(session: Session, wanted: CameraFilter, at: Moment, *, number: int, size: int) -> tuple[list[Listed], int]:
    """One page of cameras by name, each with its lease, and how many there are, at a moment."""
    conditions = _conditions(wanted, at)
    joined = col(CameraLease.camera_id) == col(CameraRecord.id)
    query = select(CameraRecord, CameraLease).join(CameraLease, joined, isouter=True).where(*conditions)
    total = select(func.count()).select_from(CameraRecord).join(CameraLease, joined, isouter=True).where(*conditions)
    found = session.exec(query.order_by(col(CameraRecord.name)).offset((number - 1) * size).limit(size)).all()
    return [(record, lease) for record, lease in found], session.exec(total).one()


def with_lease(session: Session, camera_id: str) -> Listed | None:
    """A camera with its lease."""
    record = session.get(CameraRecord, camera_id)
    return None if record is None else (record, session.get(CameraLease, camera_id))


def by_name(session: Session, name: str) -> CameraRecord | None:
    """The camera of that name."""
    return session.exec(select(CameraRecord).where(CameraRecord.name == name)).first()


def alike(session: Session, kind: type[CameraRecord] | type[CameraGroup], name: str, own_id: str) -> str:
    """The name of another camera, or group, that reads alike; empty without one. Looks at every row."""
    key = username_key(name)
    others = session.exec(select(kind.name).where(col(kind.id) != own_id)).all()
    return next((other for other in others if username_key(other) == key), "")


def wanted_ids(session: Session) -> Sequence[str]:
    """The cameras that somebody started and nobody stopped."""
    return session.exec(select(CameraRecord.id).where(col(CameraRecord.is_wanted))).all()


def that_use(session: Session, model: str) -> Sequence[CameraRecord]:
    """The cameras that look with a model, by name."""
    query = select(CameraRecord).where(CameraRecord.model == model)
    return session.exec(query.order_by(col(CameraRecord.name))).all()


def count(session: Session) -> int:
    """How many cameras there are."""
    return session.exec(select(func.count()).select_from(CameraRecord)).one()


def restart(session: Session, camera_id: str) -> None:
    """Have the worker that runs a camera connect anew, also out of `failed`."""
    restarts = col(CameraLease.restarts)
    session.exec(update(CameraLease).where(col(CameraLease.camera_id) == camera_id).values(restarts=restarts + 1))


def remove(session: Session, record: CameraRecord) -> None:
    """Delete a camera with its lease; what it saw and what was recorded of it stays."""
    for told in (CameraLease, CameraHistory):
        session.exec(delete(told).where(col(told.camera_id) == record.id))
    session.delete(record)


def moment(session: Session) -> Moment:
    """Now. Of a worker beside this process it is seen that it has ended; others are waited for."""
    own, known = Identity.own(), session.exec(select(WorkerRecord.id)).all()
    return Moment(database_now(session), frozenset(each for each in known if own.knows_dead(each)))


def newest_worker(session: Session, at: Moment) -> WorkerRecord | None:
    """The worker that was heard of last, of those that are not known to have ended."""
    running = col(WorkerRecord.id).not_in(at.ended)
    return session.exec(select(WorkerRecord).where(running).order_by(col(WorkerRecord.beat_at).desc())).first()


def groups(session: Session) -> list[tuple[CameraGroup, int]]:
    """All groups by name, each with the number of its cameras."""
    numbers = select(CameraRecord.group_id, func.count()).group_by(col(CameraRecord.group_id))
    sizes = dict(session.exec(numbers).all())
    found = session.exec(select(CameraGroup).order_by(col(CameraGroup.name))).all()
    return [(group, sizes.get(group.id, 0)) for group in found]


def group_names(session: Session) -> dict[str, str]:
    """The names of all groups by id."""
    return {group.id: group.name for group in session.exec(select(CameraGroup)).all()}


def group_by_name(session: Session, name: str) -> CameraGroup | None:
    """The group of that name."""
    return session.exec(select(CameraGroup).where(CameraGroup.name == name)).first()


def group_size(session: Session, group_id: str) -> int:
    """How many cameras are in a group."""
    query = select(func.count()).select_from(CameraRecord).where(CameraRecord.group_id == group_id)
    return session.exec(query).one()


def remove_group(session: Session, group: CameraGroup) -> None:
    """Delete a group; its cameras are in none then."""
    in_it = col(CameraRecord.group_id) == group.id
    session.exec(update(CameraRecord).where(in_it).values(group_id=None))
    session.delete(group)


def is_held(lease: CameraLease, at: Moment) -> bool:
    """Whether a worker runs a camera as far as can be known."""
    until = lease.leased_until
    return until is not None and until >= _lasting(at) and lease.worker_id not in at.ended


def state_of(record: CameraRecord, lease: CameraLease | None, at: Moment) -> str:
    """What a camera is doing as far as is known; the same as the filter by state says."""
    if not record.is_wanted:
        return "stopped"
    if lease is None or not is_held(lease, at):
        return "waiting"
    return "connecting" if lease.state == "stopped" else lease.state


def _lasting(at: Moment) -> datetime:
    """When a lease ends at the earliest whose worker still runs its cameras."""
    return at.now + timedelta(seconds=MARGIN_S)


def _state(at: Moment) -> ColumnElement[str]:
    until, worker = col(CameraLease.leased_until), col(CameraLease.worker_id)
    return case(
        (~col(CameraRecord.is_wanted), "stopped"),
        (or_(until.is_(None), until < _lasting(at), worker.in_(at.ended)), "waiting"),
        (col(CameraLease.state) == "stopped", "connecting"),
        else_=col(CameraLease.state),
    )


def _conditions(wanted: CameraFilter, at: Moment) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.group_id:
        group = None if wanted.group_id == "none" else wanted.group_id
        found.append(col(CameraRecord.group_id) == group if group else col(CameraRecord.group_id).is_(None))
    if wanted.state:
        found.append(_state(at) == wanted.state)
    if wanted.model:
        found.append(col(CameraRecord.model) == wanted.model)
    if wanted.text:
        found.append(or_(has_text(col(CameraRecord.name), wanted.text), has_text(col(CameraRecord.url), wanted.text)))
    return [and_(*found)] if found else []
