"""Events of cameras: the queries. Lists leave out the track, which may be long."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Integer, Text, and_, cast, extract, func, or_
from sqlalchemy.orm import defer
from sqlmodel import Session, col, delete, select

from registry.records.cameras import CameraEvent, CameraRecord
from registry.records.folding import has_text

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events; what is empty asks for nothing. Times are aware: from `since` on, before `until`."""

    camera_id: str = ""
    group_id: str = ""
    kind: str = ""
    label: str = ""
    rule: str = ""
    zone: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None


def page(session: Session, wanted: EventFilter, *, number: int, size: int) -> tuple[Sequence[CameraEvent], int]:
    """One page of events, newest first, and how many there are."""
    conditions = _conditions(wanted)
    ids = select(CameraEvent.id).where(*conditions).order_by(*_NEWEST_FIRST).offset((number - 1) * size).limit(size)
    total = session.exec(select(func.count()).select_from(CameraEvent).where(*conditions)).one()
    query = select(CameraEvent).where(col(CameraEvent.id).in_(ids)).order_by(*_NEWEST_FIRST)
    return session.exec(query.options(defer(CameraEvent.track))).all(), total  # type: ignore[arg-type]


def after(session: Session, wanted: EventFilter, last: CameraEvent | None, most: int) -> Sequence[CameraEvent]:
    """The next events after one of a list that is newest first; from its beginning without one."""
    query = select(CameraEvent).where(*_conditions(wanted))
    if last is not None:
        began = col(CameraEvent.started_at)
        later_id = and_(began == last.started_at, col(CameraEvent.id) < last.id)
        query = query.where(began <= last.started_at, or_(began < last.started_at, later_id))
    return session.exec(query.order_by(*_NEWEST_FIRST).limit(most).options(defer(CameraEvent.track))).all()  # type: ignore[arg-type]


def counts(session: Session, wanted: EventFilter, width_s: int) -> list[tuple[int, str, str, int]]:
    """How many events began in each span of time: (start as seconds since 1970, kind, label, events)."""
    second = cast(extract("epoch", col(CameraEvent.started_at)), Integer)
    start = (second - second % width_s).label("start")
    query = select(start, CameraEvent.kind, CameraEvent.label, func.count()).where(*_conditions(wanted))
    found = session.exec(query.group_by(start, CameraEvent.kind, CameraEvent.label).order_by(start))
    return [(int(begin), str(kind), label, number) for begin, kind, label, number in found]


def labels(session: Session) -> Sequence[str]:
    """Every label that an event has, by name."""
    query = select(CameraEvent.label).where(CameraEvent.label != "").distinct().order_by(CameraEvent.label)
    return session.exec(query).all()


def older_than(session: Session, moment: datetime, most: int = _AT_ONCE, *, behind: int = 0) -> Sequence[CameraEvent]:
    """The oldest events that began before a moment; so many are skipped as `behind` says."""
    query = select(CameraEvent).where(col(CameraEvent.started_at) < moment)
    oldest = query.order_by(col(CameraEvent.started_at), col(CameraEvent.id)).offset(behind)
    return session.exec(oldest.limit(most).options(defer(CameraEvent.track))).all()  # type: ignore[arg-type]


def chosen(session: Session, ids: Sequence[str]) -> Sequence[CameraEvent]:
    """Those of the ids that there are."""
    return session.exec(select(CameraEvent).where(col(CameraEvent.id).in_(ids))).all()


def remove(session: Session, ids: Sequence[str]) -> None:
    """Delete events."""
    session.exec(delete(CameraEvent).where(col(CameraEvent.id).in_(ids)))


_NEWEST_FIRST = (col(CameraEvent.started_at).desc(), col(CameraEvent.id).desc())


def _conditions(wanted: EventFilter) -> list[ColumnElement[bool]]:
    same = {
        CameraEvent.camera_id: wanted.camera_id,
        CameraEvent.kind: wanted.kind,
        CameraEvent.label: wanted.label,
        CameraEvent.rule: wanted.rule,
    }
    found: list[ColumnElement[bool]] = [col(column) == value for column, value in same.items() if value]
    if wanted.group_id:
        found.append(_in_group(wanted.group_id))
    if wanted.zone:
        found.append(_has_zone(wanted.zone))
    if wanted.since:
        found.append(col(CameraEvent.started_at) >= wanted.since)
    if wanted.until:
        found.append(col(CameraEvent.started_at) < wanted.until)
    if wanted.text:
        columns = (CameraEvent.camera_name, CameraEvent.label, CameraEvent.rule, CameraEvent.detail)
        found.append(or_(*(has_text(col(column), wanted.text) for column in columns)))
    return found


def _in_group(group_id: str) -> ColumnElement[bool]:
    members = select(CameraRecord.id).where(CameraRecord.group_id == group_id)
    return col(CameraEvent.camera_id).in_(members)


def _has_zone(name: str) -> ColumnElement[bool]:
    """Whether the JSON list of zones has that name, on every database, upper and lower case told apart."""
    text = cast(col(CameraEvent.zones), Text)
    return func.length(func.replace(text, json.dumps(name), "")) < func.length(text)
