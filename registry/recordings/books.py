"""The rows of recordings, written behind the recorders' backs: a database that is away holds nobody up."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import structlog

from registry.cameras.recording import RecordingSettings
from registry.errors import DatabaseUnavailable, InvalidInput
from registry.recordings.places import Places
from registry.recordings.retention import expiry
from registry.recordings.segment import SUFFIX, Segment, from_path
from registry.recordings.segment_file import PART, SegmentReader, repair
from registry.records import Database, RecordingSegment, segments, utc_now
from registry.storage.walk import files_below
from registry.streams.faults import tell_fault

_MOST = 20_000  # rows that wait; what is lost then is found in the folder at the next start
_BATCH = 200
_AGAIN_S = 2.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Book:
    """Whose segments they are, and for how long they are kept."""

    camera_id: str
    camera_name: str
    settings: RecordingSettings


class Books:
    """One thread with a line of work; each piece is tried until the database takes it."""

    def __init__(self, database: Database, places: Places) -> None:
        self._database = database
        self._folder = places.folder
        self._host = places.host
        self._line: queue.Queue[Callable[[], None]] = queue.Queue(_MOST)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recordings-books", daemon=True)
        self._thread.start()

    def kept(self, book: Book, segment: Segment) -> None:
        """A segment is there."""
        self._put(lambda: self._insert(book, segment))

    def touched(self, book: Book, segment: Segment) -> None:
        """More was found to have happened in it."""
        self._put(lambda: self._touch(book, segment))

    def reschedule(self, book: Book) -> None:
        """The camera's recordings are kept for other times from now on."""
        self._put(lambda: self._reschedule(book))

    def reschedule_if_other(self, book: Book) -> None:
        """The same where those that are there are kept for other times."""
        self._put(lambda: self._reschedule_if_other(book))

    def adopt(self, book: Book, before: str) -> None:
        """Make whole, and enter, what an earlier process left: files whose ids sort before one."""
        self._put(lambda: self._adopt(book, before))

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what waits, for so long at most."""
        self._ending.set()
        self._put(lambda: None)
        self._thread.join(timeout_s)

    def _put(self, work: Callable[[], None]) -> None:
        try:
            self._line.put_nowait(work)
        except queue.Full:
            log.warning("a recording is entered at the next start only: the database is away for too long")

    def _run(self) -> None:
        while not (self._ending.is_set() and self._line.empty()):
            self._do(self._line.get())

    def _do(self, work: Callable[[], None]) -> None:
        while True:
            try:
                work()
            except DatabaseUnavailable:
                if self._ending.wait(_AGAIN_S):
                    return
            except Exception:  # noqa: BLE001 - the edge of a thread: one row's fault stays its own
                tell_fault("recording not entered")
                return
            else:
                return

    def _insert(self, book: Book, segment: Segment) -> None:
        with self._database.write() as session:
            session.merge(_record(book, segment, self._host))

    def _touch(self, book: Book, segment: Segment) -> None:
        has = {"has_motion": segment.has_motion, "has_event": segment.has_event}
        with self._database.write() as session:
            expires_at = expiry(book.settings, segment.started_at, **has)
            segments.touch(session, segment.segment_id, **has, expires_at=expires_at)

    def _reschedule(self, book: Book) -> None:
        after = ""
        while True:
            with self._database.write() as session:
                batch = segments.after(session, book.camera_id, after, _BATCH)
                for each in batch:
                    has = {"has_motion": each.has_motion, "has_event": each.has_event}
                    if each.expires_at is None or each.expires_at > utc_now():  # what is over is about to go
                        each.expires_at = expiry(book.settings, each.started_at, **has)
                        session.add(each)
            if len(batch) < _BATCH:
                return
            after = batch[-1].id

    def _reschedule_if_other(self, book: Book) -> None:
        with self._database.read() as session:
            for has_motion, has_event in product((False, True), repeat=2):
                has = {"has_motion": has_motion, "has_event": has_event}
                last = segments.newest(session, book.camera_id, **has)
                if last is not None and last.expires_at != expiry(book.settings, last.started_at, **has):
                    break
            else:
                return
        self._reschedule(book)

    def _adopt(self, book: Book, before: str) -> None:
        folder = self._folder / book.camera_id
        with self._database.read() as session:
            known = segments.known_ids(session, book.camera_id)
        for path in sorted(path for path, _ in files_below(folder) if SUFFIX in path.name):
            segment_id = path.name.partition(SUFFIX)[0].rpartition("-")[2]
            if segment_id < before and segment_id not in known:
                self._adopt_file(book, path)

    def _adopt_file(self, book: Book, path: Path) -> None:
        try:
            found = repair(path) if path.name.endswith(PART) else SegmentReader(path)
            if found is None:
                return
            relative = found.path.relative_to(self._folder).as_posix()
            size = found.path.stat().st_size
        except (OSError, ValueError, InvalidInput) as error:
            log.warning("a recording that was left could not be read", file=path.name, reason=str(error)[:200])
            return
        segment = from_path(relative, found.duration_s, size, found.header.codec)
        if segment is not None:
            self._insert(book, segment)
            log.info("a recording of an earlier process was taken over", camera=book.camera_id, file=path.name)


def _record(book: Book, segment: Segment, host: str) -> RecordingSegment:
    return RecordingSegment(
        id=segment.segment_id,
        camera_id=book.camera_id,
        camera_name=book.camera_name,
        started_at=segment.started_at,
        ended_at=segment.ended_at,
        path=segment.path,
        host=host,
        size_bytes=segment.size_bytes,
        codec=segment.codec,
        has_motion=segment.has_motion,
        has_event=segment.has_event,
        expires_at=expiry(
            book.settings, segment.started_at, has_motion=segment.has_motion, has_event=segment.has_event
        ),
    )
