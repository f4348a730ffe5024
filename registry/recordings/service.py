"""The recordings of the cameras of one process: recorders, rows, clips, retention, upload, wired."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import structlog

from registry.access.live import Live
from registry.cameras.recording import RecordingSettings, recording_of
from registry.errors import RegistryError
from registry.notify.outbox import enqueue
from registry.recordings.arrival_clock import monotonic_of
from registry.recordings.books import Book, Books
from registry.recordings.clips import Clips
from registry.recordings.disk_line import DiskLine
from registry.recordings.places import Places
from registry.recordings.recorder import CameraRecorder, RecorderOutlets
from registry.recordings.retention import Removed, Retention
from registry.recordings.segment import next_id
from registry.recordings.uploads import Uploads
from registry.records import Aging, CameraEvent, CameraRecord, Database, EventKind, segments, utc_now
from registry.settings import Settings
from registry.storage import LocalStorage, Storage
from registry.streams import Camera, Event, EventPhase, Notice
from registry.streams.faults import tell_fault

_LOOK_S = 3.0
_SWEEP_S, _SWEEP_FULL_S = 30.0, 3.0
_TOLD_EVERY_S = 3_600.0
log = structlog.get_logger(__name__)


@dataclass
class _Recorded:
    """A camera that is recorded here; its book is replaced when it gets another name."""

    book: Book
    recorder: CameraRecorder


class RecordingService:
    """One per camera process.

    `attach` is called for each camera before the pipeline gets it, `release` when it is no longer run here, `take` is a
    sink of the pipeline.
    """

    def __init__(self, settings: Settings, live: Live, database: Database, storage: Storage) -> None:
        self._live = live
        self._database = database
        self._folder = settings.recordings
        self._places = Places(self._folder, storage)
        is_moved = settings.recordings_upload and not isinstance(storage, LocalStorage)
        self._uploads = Uploads(database, self._places) if is_moved else None
        self.retention = Retention(database, self._places, aging=Aging(kept=settings.clock_file))
        self.clips = Clips(database, self._places)
        self._removed_for_room: Counter[str] = Counter()
        self._disk = DiskLine()
        self._books = Books(database, self._places)
        self._recorded: dict[str, _Recorded] = {}
        self._is_full = False
        self._told_at: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ending = threading.Event()
        works = {
            "recordings-room": self._keep_room,
            "recordings-files": self._file,
        }  # a bucket that is away stops no sweep
        self._threads = [threading.Thread(target=work, name=name, daemon=True) for name, work in works.items()]
        for thread in self._threads:
            thread.start()

    def attach(self, camera: Camera, record: CameraRecord) -> Camera:
        """The camera with its recorder, the same one for as long as its settings are the same. Raises RegistryError."""
        settings = recording_of(record.recording)
        book = Book(record.id, record.name, settings)
        with self._lock:
            known = self._recorded.get(record.id)
            if known is not None and known.book.settings != settings:
                known.recorder.close()
                del self._recorded[record.id]
                if known.book.settings.retention_days != settings.retention_days:
                    self._books.reschedule(book)
            if settings.mode == "off":
                return camera
            if record.id not in self._recorded:
                self._recorded[record.id] = self._begin(book, is_new=known is None)
            recorded = self._recorded[record.id]
            recorded.book = book  # another name is nothing to connect anew for
        recorder = recorded.recorder
        watch = replace(camera.watch, tap=recorder)
        return replace(camera, watch=watch, analysis=replace(camera.analysis, on_motion=recorder.mark_motion))

    def release(self, camera_id: str) -> None:
        """Finish what is being written of a camera; safe for one that is not recorded."""
        with self._lock:
            known = self._recorded.pop(camera_id, None)
        if known is not None:
            known.recorder.close()

    def take(self, notice: Notice) -> None:
        """Events keep what is recorded around them."""
        if not isinstance(notice, Event):
            return
        known = self._recorded.get(notice.camera_id)
        if known is None:
            return
        began_s = monotonic_of(notice.started_at)
        if notice.phase is EventPhase.STARTED:
            known.recorder.events.begin(notice.event_id, began_s)
        else:
            lasted = (notice.ended_at or utc_now()) - notice.started_at
            known.recorder.events.end(notice.event_id, began_s, lasted.total_seconds())

    def problems(self) -> dict[str, str]:
        """Why a camera that is to be recorded is not, in words; empty where it is."""
        return {camera_id: each.recorder.problem for camera_id, each in list(self._recorded.items())}

    def report(self) -> dict[str, dict[str, int]]:
        """The counts of each camera that is recorded."""
        return {
            camera_id: {**asdict(each.recorder.counts), "removed_for_room": self._removed_for_room[camera_id]}
            for camera_id, each in list(self._recorded.items())
        }

    def close(self) -> None:
        """Finish everything: files, then rows."""
        for camera_id in list(self._recorded):
            self.release(camera_id)
        self._ending.set()
        self._wake.set()
        for thread in self._threads:
            thread.join(10)
        self._disk.close()
        self._books.close()

    def _begin(self, book: Book, *, is_new: bool) -> _Recorded:
        """A recorder; for a camera that is new here, what others left is taken over."""
        with self._database.read() as session:
            last = next_id(segments.last_id(session, book.camera_id))
        if is_new:  # behind what this process still writes of it, so that nothing of its own is taken for left
            self._disk.put(lambda: self._books.adopt(book, last))
            self._books.reschedule_if_other(book)
        outlets = RecorderOutlets(
            kept=lambda segment: self._books.kept(made.book, segment),
            touched=lambda segment: self._books.touched(made.book, segment),
            refused=self._wake.set,
            has_room=lambda: not self._is_full,
        )
        recorder = CameraRecorder(book.camera_id, book.settings, self._folder, self._disk, outlets, last)
        made = _Recorded(book, recorder)
        return made

    def _keep_room(self) -> None:
        """Sweep now and then, and soon when the disk refuses."""
        self._claim()
        while not self._ending.is_set():
            _safely(self.sweep)
            self._wake.wait(_SWEEP_FULL_S if self._is_full else _SWEEP_S)
            self._ending.wait(1)  # a disk that refuses every camera is swept once
            self._wake.clear()

    def _claim(self) -> None:
        """Once in a process, whenever the database answers first."""
        while not self._ending.is_set():
            try:
                self.retention.claim()
            except RegistryError as error:
                log.warning("recordings of other names wait", reason=error.message)
                self._ending.wait(_LOOK_S)
            else:
                return

    def _file(self) -> None:
        """Write clips, move what is kept into the bucket."""
        while not self._ending.wait(_LOOK_S):
            _safely(lambda: self.clips.write_due(self._settings()))
            _safely(self._upload)

    def sweep(self) -> Removed:
        """Delete what is over its time or in the way. Raises DatabaseUnavailable."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._places.tidy()
        removed = self.retention.sweep(self._live.current().recording_min_free_mb << 20)
        self._removed_for_room += Counter(removed.for_room)
        self._is_full = removed.is_full
        for camera_id in removed.for_room:
            self._tell(camera_id, "the disk is nearly full: recordings of this camera were deleted before their time")
        for camera_id, problem in self.problems().items():
            if problem:
                self._tell(camera_id, f"this camera is not recorded: {problem}")
        return removed

    def _tell(self, camera_id: str, detail: str) -> None:
        """An event of the camera; the same one at most once an hour."""
        now_s = time.monotonic()
        if now_s - self._told_at.get((camera_id, detail), float("-inf")) < _TOLD_EVERY_S:
            return
        known = self._recorded.get(camera_id)
        with self._database.write() as session:
            record = session.get(CameraRecord, camera_id)
            name = record.name if record else known.book.camera_name if known else camera_id
            event = CameraEvent(
                camera_id=camera_id, camera_name=name, kind=EventKind.DISK, ended_at=utc_now(), detail=detail
            )
            session.add(event)
            session.flush()
            enqueue(session, event, "started")
        self._told_at[camera_id, detail] = now_s

    def _settings(self) -> dict[str, RecordingSettings]:
        with self._lock:
            return {camera_id: each.book.settings for camera_id, each in self._recorded.items()}

    def _upload(self) -> None:
        if self._uploads is not None:
            self._uploads.move_some(self._ending.is_set)


def _safely(work: Callable[[], object]) -> None:
    """The edge of a thread."""
    try:
        work()
    except RegistryError as error:
        log.warning("care of recordings put off", reason=error.message)
    except Exception:  # noqa: BLE001 - what breaks once is tried again
        tell_fault("care of recordings failed")
