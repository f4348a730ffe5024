"""Segments of recordings: the queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_
from sqlmodel import Session, col, delete, select, update

from registry.records.cameras import CameraRecord, RecordingSegment
from registry.records.tables import utc_now

HOLDS = ("continuous", "motion", "events")
STORED = "recordings/"  # what the path of a segment in the storage begins with
LONGEST = timedelta(minutes=10)  # twice what the recorder writes into one


@dataclass(frozen=True, slots=True)
class SegmentFilter:
    """Which segments; what is empty asks for nothing. Times are aware: what lies between `since` and `until`.

    `holds` is "motion" or "events": only what has that in it; "continuous": only what has neither.
    """

    camera_id: str = ""
    group_id: str = ""
    holds: str = ""
    since: datetime | None = None
    until: datetime | None = None


def page(session: Session, wanted: SegmentFilter, *, number: int, size: int) -> tuple[Sequence[RecordingSegment], int]:
    """One page, newest first, and how many there are."""
    conditions = _conditions(wanted)
    query = select(RecordingSegment).where(*conditions)
    newest = query.order_by(col(RecordingSegment.started_at).desc(), col(RecordingSegment.id).desc())
    total = session.exec(select(func.count()).select_from(RecordingSegment).where(*conditions)).one()
    return session.exec(newest.offset((number - 1) * size).limit(size)).all(), total


def in_order(session: Session, wanted: SegmentFilter, most: int) -> Sequence[RecordingSegment]:
    """The first so many as they were recorded, whatever the clock was set to meanwhile."""
    query = select(RecordingSegment).where(*_conditions(wanted))
    return session.exec(query.order_by(col(RecordingSegment.id)).limit(most)).all()


def last_id(session: Session, camera_id: str) -> str:
    """The id of the segment of a camera that was recorded last."""
    query = select(func.max(RecordingSegment.id)).where(RecordingSegment.camera_id == camera_id)
    return session.exec(query).one() or ""


def last_name(session: Session, camera_id: str) -> str:
    """What a camera was called when it was recorded last; empty where it was not."""
    query = select(RecordingSegment.camera_name).where(RecordingSegment.camera_id == camera_id)
    return session.exec(query.order_by(col(RecordingSegment.id).desc()).limit(1)).first() or ""


def last_camera(session: Session) -> str:
    """The camera, of those there are, that was recorded last; empty where none was."""
    there = col(RecordingSegment.camera_id).in_(select(CameraRecord.id))
    query = select(RecordingSegment.camera_id).where(there).order_by(col(RecordingSegment.id).desc())
    return session.exec(query.limit(1)).first() or ""


def after(session: Session, camera_id: str, segment_id: str, most: int) -> Sequence[RecordingSegment]:
    """The first so many of a camera behind a segment."""
    mine = select(RecordingSegment).where(RecordingSegment.camera_id == camera_id)
    return session.exec(
        mine.where(col(RecordingSegment.id) > segment_id).order_by(col(RecordingSegment.id)).limit(most)
    ).all()


def newest(session: Session, camera_id: str, *, has_motion: bool, has_event: bool) -> RecordingSegment | None:
    """The last of a camera that holds just that."""
    same = (RecordingSegment.has_motion == has_motion, RecordingSegment.has_event == has_event)
    query = select(RecordingSegment).where(RecordingSegment.camera_id == camera_id, *same)
    return session.exec(query.order_by(col(RecordingSegment.id).desc()).limit(1)).first()


def is_there(session: Session, camera_id: str, moment: datetime) -> bool:
    """Whether a camera has a segment that goes up to a moment or beyond."""
    mine = select(RecordingSegment.id).where(RecordingSegment.camera_id == camera_id)
    late = mine.where(col(RecordingSegment.started_at) > moment - LONGEST, col(RecordingSegment.ended_at) >= moment)
    return session.exec(late.limit(1)).first() is not None


def known_ids(session: Session, camera_id: str) -> set[str]:
    """The ids of every segment of a camera."""
    return set(session.exec(select(RecordingSegment.id).where(RecordingSegment.camera_id == camera_id)))


def touch(session: Session, segment_id: str, *, has_motion: bool, has_event: bool, expires_at: datetime | None) -> None:
    """More was found to have happened in a segment."""
    changed = {"has_motion": has_motion, "has_event": has_event, "expires_at": expires_at}
    over = col(RecordingSegment.expires_at)
    is_kept = or_(over.is_(None), over > utc_now())  # what is over is about to go
    session.exec(update(RecordingSegment).where(col(RecordingSegment.id) == segment_id, is_kept).values(**changed))


def move(session: Session, segment_id: str, path: str) -> bool:
    """A segment lies elsewhere now; whether it is still there."""
    moved = update(RecordingSegment).where(col(RecordingSegment.id) == segment_id).values(path=path)
    return bool(session.exec(moved).rowcount)


def expired(session: Session, now: datetime, most: int, host: str) -> Sequence[RecordingSegment]:
    """The first so many whose time is over, of those that a host can delete."""
    query = select(RecordingSegment).where(col(RecordingSegment.expires_at) < now, _in_reach(host))
    return session.exec(query.order_by(col(RecordingSegment.expires_at)).limit(most)).all()


def expired_size(session: Session, now: datetime, host: str) -> tuple[int, int]:
    """How many there are whose time is over, of those that a host can delete, and their bytes."""
    query = select(func.count(), func.sum(RecordingSegment.size_bytes)).select_from(RecordingSegment)
    count, size = session.exec(query.where(col(RecordingSegment.expires_at) < now, _in_reach(host))).one()
    return int(count), int(size or 0)


def sizes(session: Session, host: str) -> dict[str, int]:
    """Bytes by camera, of what a host can delete."""
    query = select(RecordingSegment.camera_id, func.sum(RecordingSegment.size_bytes)).where(_in_reach(host))
    return {camera_id: int(size or 0) for camera_id, size in session.exec(query.group_by(RecordingSegment.camera_id))}


def least_wanted(session: Session, most: int, host: str, *, behind: int = 0) -> Sequence[RecordingSegment]:
    """What goes first of a host's disk: without anything in it, then with motion, then with events; oldest first.

    So many are skipped as `behind` says.
    """
    order = (col(RecordingSegment.has_event), col(RecordingSegment.has_motion), col(RecordingSegment.id))
    query = select(RecordingSegment).where(on_disk(host)).order_by(*order).offset(behind).limit(most)
    return session.exec(query).all()


def oldest(session: Session, most: int, host: str, camera_id: str) -> Sequence[RecordingSegment]:
    """The first so many of a camera that a host can delete."""
    query = select(RecordingSegment).where(RecordingSegment.camera_id == camera_id, _in_reach(host))
    return session.exec(query.order_by(col(RecordingSegment.id)).limit(most)).all()


def of_others(session: Session, host: str, behind: str, most: int) -> Sequence[RecordingSegment]:
    """Files that are not known to be on a host, by id."""
    elsewhere = (~_is_stored(), col(RecordingSegment.host) != host, col(RecordingSegment.id) > behind)
    return session.exec(select(RecordingSegment).where(*elsewhere).order_by(col(RecordingSegment.id)).limit(most)).all()


def to_upload(session: Session, host: str, before: datetime, behind: str, most: int) -> Sequence[RecordingSegment]:
    """The next files of a host that ended before a moment, by id."""
    conditions = (on_disk(host), col(RecordingSegment.ended_at) < before, col(RecordingSegment.id) > behind)
    query = select(RecordingSegment).where(*conditions).order_by(col(RecordingSegment.id))
    return session.exec(query.limit(most)).all()


def claim(session: Session, ids: Sequence[str], host: str) -> None:
    """These files were found on a host."""
    session.exec(update(RecordingSegment).where(col(RecordingSegment.id).in_(ids)).values(host=host))


def end_now(session: Session, segment_id: str, now: datetime) -> bool:
    """Have the time of a segment be over; whether there is one."""
    ended = update(RecordingSegment).where(col(RecordingSegment.id) == segment_id).values(expires_at=now)
    return bool(session.exec(ended).rowcount)


def on_disk(host: str) -> ColumnElement[bool]:
    """Whether a segment is a file of a host."""
    return and_(col(RecordingSegment.host) == host, ~_is_stored())


def remove(session: Session, segment_id: str) -> bool:
    """Delete a row; whether this call did it."""
    return bool(session.exec(delete(RecordingSegment).where(col(RecordingSegment.id) == segment_id)).rowcount)


def _is_stored() -> ColumnElement[bool]:
    return col(RecordingSegment.path).startswith(STORED)


def _in_reach(host: str) -> ColumnElement[bool]:
    """Whether a host can delete a segment: what is in the storage is everybody's."""
    return or_(_is_stored(), col(RecordingSegment.host) == host)


def _conditions(wanted: SegmentFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.camera_id:
        found.append(col(RecordingSegment.camera_id) == wanted.camera_id)
    if wanted.group_id:
        members = select(CameraRecord.id).where(CameraRecord.group_id == wanted.group_id)
        found.append(col(RecordingSegment.camera_id).in_(members))
    if wanted.since:
        found.append(col(RecordingSegment.ended_at) > wanted.since)
        found.append(col(RecordingSegment.started_at) > wanted.since - LONGEST)  # what the index knows
    if wanted.until:
        found.append(col(RecordingSegment.started_at) < wanted.until)
    motion, event = col(RecordingSegment.has_motion).is_(True), col(RecordingSegment.has_event).is_(True)
    holds = {"motion": motion, "events": event, "continuous": ~or_(motion, event)}
    if wanted.holds:
        found.append(holds[wanted.holds])
    return found
