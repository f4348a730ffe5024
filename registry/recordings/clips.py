"""The clip of an event: from some seconds before it to some after it, once its segments are there."""

import secrets
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlmodel import col, select

from registry.cameras.recording import RecordingSettings
from registry.errors import InvalidInput, RecordingNotFound, StorageUnavailable
from registry.recordings.joining import ENCODED, UNPLAYED, FileGone, Piece, Source, join, pieces_of
from registry.recordings.places import Places
from registry.records import CameraEvent, Database, RecordingSegment, segments, utc_now
from registry.records.segments import SegmentFilter

_SETTLED = timedelta(seconds=15)  # a segment is there by then
_HOPELESS = timedelta(minutes=2)  # what is not there by then does not come
_GIVEN_UP = timedelta(minutes=15)
_PAUSE_S, _LONGEST_PAUSE_S = 5.0, 120.0
_MOST_WAITING = 10_000
_LONGEST = timedelta(minutes=10)
_MOST_SEGMENTS = 2_000
_MOST_BYTES = 1 << 30
_MOST_ENCODED = 4_500  # pictures of H.265, which costs more than the other clips may wait for
_CHUNK = 1 << 20
log = structlog.get_logger(__name__)


def sources(database: Database, places: Places, camera_id: str, begin: datetime, end: datetime) -> list[Source]:
    """The files of this host that hold a camera's time, as they were recorded."""
    wanted = SegmentFilter(camera_id=camera_id, since=begin, until=end)
    with database.read() as session:
        found: Sequence[RecordingSegment] = segments.in_order(session, wanted, _MOST_SEGMENTS)
    return [Source(path, each.started_at) for each in found if (path := places.local(each)) is not None]


class Clips:
    """Writes the clips of the cameras that are recorded on this host."""

    def __init__(self, database: Database, places: Places) -> None:
        self._database = database
        self._places = places
        self._later: dict[str, tuple[int, float]] = {}  # events that wait: tries in vain, until when
        self.made = 0
        self.failed = 0

    def write_due(self, cameras: dict[str, RecordingSettings]) -> int:
        """Write the clips that can be written now; how many. Raises DatabaseUnavailable."""
        written = 0
        for event in self._due(cameras):
            settings = cameras[event.camera_id]
            if not self._is_whole(event, _span(event, settings)[1]):
                self._put_off(event, tries=0)
            elif self._write(event, settings):
                written += 1
                self._later.pop(event.id, None)
            else:
                self._put_off(event, tries=self._later.get(event.id, (0, 0.0))[0] + 1)
        return written

    def _due(self, cameras: dict[str, RecordingSettings]) -> list[CameraEvent]:
        now, now_s = utc_now(), time.monotonic()
        if not cameras:
            return []
        self._later = {key: each for key, each in self._later.items() if each[1] + _GIVEN_UP.total_seconds() > now_s}
        waiting = [key for key, (_, until_s) in self._later.items() if until_s > now_s]
        query = select(CameraEvent).where(
            CameraEvent.clip == "",
            CameraEvent.kind == "object",
            col(CameraEvent.camera_id).in_(list(cameras)),
            col(CameraEvent.ended_at) > now - _GIVEN_UP,
            col(CameraEvent.ended_at) < now - _SETTLED,
            col(CameraEvent.id).not_in(waiting[-_MOST_WAITING:]),
        )
        with self._database.read() as session:
            return list(session.exec(query.order_by(col(CameraEvent.ended_at)).limit(50)))

    def _is_whole(self, event: CameraEvent, end: datetime) -> bool:
        """Whether what was recorded goes up to the end of a clip, or will not any more."""
        now = utc_now()
        if now < end + _SETTLED:
            return False
        if now > end + _HOPELESS:
            return True
        with self._database.read() as session:
            return segments.is_there(session, event.camera_id, end)

    def _put_off(self, event: CameraEvent, tries: int) -> None:
        """What cannot be written now holds up no other."""
        self._later[event.id] = tries, time.monotonic() + min(_PAUSE_S * 2.0**tries, _LONGEST_PAUSE_S)

    def _write(self, event: CameraEvent, settings: RecordingSettings) -> bool:
        begin, end = _span(event, settings)
        target = self._places.scratch / f"{secrets.token_hex(8)}.mp4"
        try:
            self._places.scratch.mkdir(parents=True, exist_ok=True)
            run = self._run_of(event, begin, end)
            is_long = sum(part.pictures for piece in run for _, _, part in piece.fragments) > _MOST_ENCODED
            joined = join(run, target, _MOST_BYTES, encoded=ENCODED if is_long else UNPLAYED)
            key = f"clips/{event.camera_id}/{event.id}.mp4"
            self._places.storage.put(key, _chunks(joined.path))
            self._enter(event.id, key)
        except (RecordingNotFound, FileGone):
            return False
        except (InvalidInput, StorageUnavailable, OSError) as error:
            self.failed += 1
            log.warning("clip not written", event_id=event.id, reason=str(error)[:200])
            return False
        finally:
            target.unlink(missing_ok=True)
        self.made += 1
        return True

    def _run_of(self, event: CameraEvent, begin: datetime, end: datetime) -> Sequence[Piece]:
        """Where the camera changed its stream meanwhile, the part in which the event began, or what is left of it."""
        runs = pieces_of(sources(self._database, self._places, event.camera_id, begin, end), begin, end)
        around = [run for run in runs if run[0].source.started_at <= event.started_at]
        return around[-1] if around else (runs[0] if runs else [])

    def _enter(self, event_id: str, key: str) -> None:
        with self._database.write() as session:
            event = session.get(CameraEvent, event_id)
            if event is not None:
                event.clip = key
                session.add(event)
        if event is None:  # deleted meanwhile
            self._places.storage.delete(key)


def _span(event: CameraEvent, settings: RecordingSettings) -> tuple[datetime, datetime]:
    """From when to when its clip goes."""
    over = min(max(event.ended_at or event.started_at, event.started_at), event.started_at + _LONGEST)
    return event.started_at - timedelta(seconds=settings.pre_s), over + timedelta(seconds=settings.post_s)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
