"""What was recorded, for those who may see it: lists, files, exports, deletion."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO

from registry.access import Action, Actor, require
from registry.access.live import Live
from registry.access.trail import trace
from registry.errors import CameraNotFound, InvalidInput, RecordingNotFound
from registry.recordings.films import Films
from registry.recordings.joining import Joined
from registry.recordings.places import Places
from registry.records import CameraRecord, Database, RecordingSegment, segments, utc_now
from registry.records.segments import SegmentFilter
from registry.records.stretches import check_stretch
from registry.settings import Settings
from registry.storage import Storage

_MOST_SEGMENTS = 10_000
_ANALYSED_MINUTES = 1_440
EVERYTHING = SegmentFilter()


@dataclass(frozen=True, slots=True)
class Span:
    """Some time that was recorded without a gap."""

    camera_id: str
    started_at: datetime
    ended_at: datetime
    has_motion: bool
    has_event: bool


class Recordings:
    """Asks for permission each time; deletions and exports are in the trail."""

    def __init__(self, settings: Settings, live: Live, database: Database, storage: Storage) -> None:
        self._database = database
        self._live = live
        self._places = Places(settings.recordings, storage)
        self._films = Films(live, self._places)

    def page(
        self, actor: Actor, wanted: SegmentFilter = EVERYTHING, *, number: int = 1, size: int = 50
    ) -> tuple[Sequence[RecordingSegment], int]:
        """One page of segments, newest first, and how many there are. Raises Forbidden, InvalidInput."""
        require(actor, Action.READ_RECORDING)
        check_stretch(wanted.since, wanted.until)
        with self._database.read() as session:
            return segments.page(session, wanted, number=number, size=size)

    def last_camera(self, actor: Actor) -> str:
        """The id of the camera that was recorded last; empty where none was. Raises Forbidden."""
        require(actor, Action.READ_RECORDING)
        with self._database.read() as session:
            return segments.last_camera(session)

    def spans(self, actor: Actor, camera_id: str, since: datetime, until: datetime) -> list[Span]:
        """When a camera was recorded, for a time line: gaps under two seconds are none. Raises Forbidden."""
        require(actor, Action.READ_RECORDING)
        wanted = SegmentFilter(camera_id=camera_id, since=since, until=until)
        with self._database.read() as session:
            found = segments.in_order(session, wanted, 100_000)
        spans: list[Span] = []
        for each in found:
            span = Span(camera_id, each.started_at, each.ended_at, each.has_motion, each.has_event)
            if spans and _follows(spans[-1], span):
                spans[-1] = Span(camera_id, spans[-1].started_at, span.ended_at, span.has_motion, span.has_event)
            else:
                spans.append(span)
        return spans

    def get(self, actor: Actor, recording_id: str) -> RecordingSegment:
        """One segment. Raises Forbidden, RecordingNotFound."""
        require(actor, Action.READ_RECORDING)
        with self._database.read() as session:
            found = session.get(RecordingSegment, recording_id)
        if found is None:
            raise RecordingNotFound(f"there is no recording {recording_id[:40]!r}")
        return found

    def open(self, actor: Actor, recording_id: str, *, playable: bool = False) -> BinaryIO:
        """Its MP4, to be closed; `playable` encodes JPEG pictures and H.265, which browsers do not play.

        Raises Forbidden, RecordingNotFound, TooManyRequests, StorageUnavailable.
        """
        return self._films.open(self.get(actor, recording_id), playable=playable)

    def export(self, actor: Actor, camera_id: str, begin: datetime, end: datetime) -> Joined:
        """A new MP4 of a camera's time; who calls deletes it.

        It begins at the key picture before `begin`. Time that was not recorded is left out. Raises Forbidden,
        CameraNotFound, RecordingNotFound, InvalidInput for a time that is too long, Conflict where the camera changed
        its stream or recordings went meanwhile, TooManyRequests.
        """
        live = self._live.current()
        _check_span(actor, begin, end, live.recording_export_minutes)
        return self._made(actor, camera_id, begin, end, live.recording_export_mb)

    def film(self, actor: Actor, camera_id: str, begin: datetime, end: datetime) -> Joined:
        """As `export`, for a job to analyse: of up to a day, and as large as a video may be that is sent."""
        _check_span(actor, begin, end, _ANALYSED_MINUTES)
        return self._made(actor, camera_id, begin, end, self._live.current().video_max_mb)

    def check_film(self, actor: Actor, camera_id: str, begin: datetime, end: datetime) -> None:
        """Raise what `film` would, but for what was recorded."""
        _check_span(actor, begin, end, _ANALYSED_MINUTES)
        with self._database.read() as session:
            if session.get(CameraRecord, camera_id) is None:
                raise _no_camera(camera_id)

    def camera_name(self, actor: Actor, camera_id: str) -> str:
        """What a camera is called, or was when it was last recorded. Raises Forbidden, CameraNotFound."""
        require(actor, Action.READ_RECORDING)
        with self._database.read() as session:
            camera = session.get(CameraRecord, camera_id)
            name = camera.name if camera else segments.last_name(session, camera_id)
        if not name:
            raise _no_camera(camera_id)
        return name

    def _made(self, actor: Actor, camera_id: str, begin: datetime, end: datetime, most_mb: int) -> Joined:
        made = self._films.join(lambda: self._found(camera_id, begin, end), begin, end, most_mb << 20)
        try:
            with self._database.write() as session:
                times = {"from": made.started_at.isoformat(), "to": made.ended_at.isoformat()}
                details = {**times, "bytes": made.size_bytes}
                trace(session, actor, "recording.export", f"camera:{camera_id}", details)
        except BaseException:
            made.path.unlink(missing_ok=True)
            raise
        return made

    def open_export(self, actor: Actor, camera_id: str, begin: datetime, end: datetime) -> tuple[Joined, BinaryIO]:
        """The same as an open file that has no name any more, to be closed. Raises as `export`."""
        made = self.export(actor, camera_id, begin, end)
        try:
            return made, made.path.open("rb")
        finally:
            made.path.unlink(missing_ok=True)

    def delete(self, actor: Actor, recording_id: str) -> None:
        """Delete a segment with its file; on another host it goes with that one's next sweep.

        Raises Forbidden, RecordingNotFound.
        """
        require(actor, Action.DELETE_RECORDING)
        record = self.get(actor, recording_id)
        is_elsewhere = self._places.is_elsewhere(record)
        self._films.forget(record)
        if not is_elsewhere:
            self._places.remove(record)
        with self._database.write() as session:
            if segments.end_now(session, record.id, utc_now()) if is_elsewhere else segments.remove(session, record.id):
                details = {"camera": record.camera_name, "from": record.started_at.isoformat()}
                trace(session, actor, "recording.delete", f"recording:{record.id}", details)

    def _found(self, camera_id: str, begin: datetime, end: datetime) -> Sequence[RecordingSegment]:
        wanted = SegmentFilter(camera_id=camera_id, since=begin, until=end)
        with self._database.read() as session:
            found = segments.in_order(session, wanted, _MOST_SEGMENTS + 1)
            if not found and session.get(CameraRecord, camera_id) is None:
                raise _no_camera(camera_id)
        if len(found) > _MOST_SEGMENTS:
            raise InvalidInput(f"these are more than {_MOST_SEGMENTS:,} recordings: ask for a shorter time")
        return found


def _check_span(actor: Actor, begin: datetime, end: datetime, most: int) -> None:
    require(actor, Action.EXPORT_RECORDING)
    if not begin < end <= begin + timedelta(minutes=most):
        raise InvalidInput(f"such a time has an end behind its beginning, and at most {most} minutes")


def _no_camera(camera_id: str) -> CameraNotFound:
    return CameraNotFound(f"there is no camera {camera_id[:40]!r}")


def _follows(before: Span, after: Span) -> bool:
    gap_s = (after.started_at - before.ended_at).total_seconds()
    return abs(gap_s) < 2 and (before.has_motion, before.has_event) == (after.has_motion, after.has_event)
