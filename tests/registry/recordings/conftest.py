"""A camera of the tests being recorded."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from registry.access.actor import local_actor
from registry.access.live import Live
from registry.cameras.recording import RecordingSettings
from registry.recordings.disk_line import DiskLine
from registry.recordings.library import Recordings
from registry.recordings.places import Places
from registry.recordings.recorder import CameraRecorder, RecorderOutlets
from registry.recordings.segment import Segment
from registry.recordings.service import RecordingService
from registry.records import CameraRecord, Database, RecordingSegment, segments
from registry.records.segments import SegmentFilter
from registry.settings import Settings
from registry.storage import LocalStorage
from registry.streams.accounting import Ledger, Outcome
from registry.streams.addresses import AllowedNetworks
from registry.streams.frames import Frame
from registry.streams.sources import SourcePolicy, parse_source
from registry.streams.watch import CameraStatus, CameraWatch, WatchOptions
from registry.testing.h264 import encode_h264
from registry.testing.rtsp_server import RtspCamera
from registry.testing.watched import Watched

ADMIN = local_actor()


@pytest.fixture(scope="session")
def clip_h264(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Four seconds of a moving test picture, 640x360 at 25 a second, a key picture each second."""
    source = ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=25"]
    return encode_h264(source, tmp_path_factory.mktemp("h264") / "clip.h264").read_bytes()


@dataclass
class Recorded:
    """A camera being watched and recorded, with all that was told."""

    seen: Watched
    recorder: CameraRecorder
    folder: Path
    kept: list[Segment] = field(default_factory=list)
    touched: list[Segment] = field(default_factory=list)
    refusals: list[bool] = field(default_factory=list)

    @property
    def files(self) -> list[Path]:
        """Every file there is, finished or not."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def wait_kept(self, number: int, seconds: float = 40.0) -> list[Segment]:
        """Until so many segments are kept."""
        self.seen.wait_for(lambda: len(self.kept) >= number, seconds)
        return self.kept


Record = Callable[..., Recorded]


def start_recording(folder: Path, url: str, settings: RecordingSettings, disk: DiskLine) -> Recorded:
    """Watch and record a URL in segments of a second."""
    policy = SourcePolicy(AllowedNetworks(loopback=True))
    kept: list[Segment] = []
    touched: list[Segment] = []
    refusals: list[bool] = []
    outlets = RecorderOutlets(kept.append, touched.append, lambda: refusals.append(True))
    recorder = CameraRecorder("cam", settings, folder, disk, outlets, segment_s=1.0)
    ledger = Ledger()
    frames: list[Frame] = []
    changes: list[CameraStatus] = []

    def take(frame: Frame) -> None:
        frames.append(frame)
        ledger.settle(frame.frame_id, Outcome.GATED)

    options = WatchOptions(tap=recorder)
    watch = CameraWatch("cam", parse_source(url, policy), policy, take, ledger, options, changes.append)
    watch.start()
    return Recorded(Watched(watch, frames, changes), recorder, folder, kept, touched, refusals)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    """Record a URL until the end of the test."""
    begun: list[tuple[Recorded, DiskLine]] = []

    def start(url: str, settings: RecordingSettings, disk: DiskLine | None = None) -> Recorded:
        disk = disk or DiskLine()
        begun.append((start_recording(tmp_path / "recordings", url, settings, disk), disk))
        return begun[-1][0]

    yield start
    for recorded, disk in begun:
        recorded.seen.watch.stop()
        recorded.recorder.close()
        disk.close()


@dataclass(frozen=True)
class Film:
    """Segments of a second each, recorded once for many tests; the camera hung up in the middle."""

    folder: Path
    kept: list[Segment]
    began_at: datetime


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory, clip_h264: bytes) -> Film:
    """Some seconds of a camera, recorded."""
    began_at, disk, folder = datetime.now(UTC), DiskLine(), tmp_path_factory.mktemp("film")
    with RtspCamera(clip_h264) as camera:
        recorded = start_recording(folder, camera.url, RecordingSettings(mode="continuous"), disk)
        recorded.wait_kept(2)
        camera.hang_up()
        recorded.seen.wait_for(lambda: recorded.seen.watch.status().connections >= 2)
        recorded.wait_kept(4)
        recorded.seen.watch.stop()
        recorded.recorder.close()
        disk.close()
    whole = [each for each in recorded.kept if each.ended_at - each.started_at > timedelta(seconds=0.9)]
    return Film(folder, whole, began_at)


@dataclass
class Cellar:
    """Where recordings are kept, with a camera's row."""

    settings: Settings
    live: Live
    database: Database
    storage: LocalStorage

    @property
    def places(self) -> Places:
        return Places(self.settings.recordings, self.storage)

    def library(self) -> Recordings:
        return Recordings(self.settings, self.live, self.database, self.storage)

    def camera(self, **recording: object) -> CameraRecord:
        record = CameraRecord(
            id="cam", name="door", url="rtsp://10.0.0.7/", owner_id="a", owner_name="a", recording=recording
        )
        with self.database.write() as session:
            session.add(record)
        return record

    def rows(self) -> list[RecordingSegment]:
        with self.database.read() as session:
            return list(segments.in_order(session, SegmentFilter(), 1_000))

    def put(self, number: int, size: int = 1_000, **given: object) -> RecordingSegment:
        """A row with a file of so many bytes; higher numbers are newer."""
        at = datetime(2026, 5, 4, tzinfo=UTC) + timedelta(seconds=10 * number)
        path = self.settings.recordings / "cam" / f"{number:03}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
        row = {
            "id": f"{number:032x}",
            "camera_id": "cam",
            "camera_name": "door",
            "started_at": at,
            "ended_at": at + timedelta(seconds=10),
            "path": f"cam/{path.name}",
            "size_bytes": size,
            "host": self.places.host,
            "codec": "h264",
        }
        record = RecordingSegment(**{**row, **given})
        with self.database.write() as session:
            session.add(record)
        return record


@pytest.fixture
def cellar(database: Database, settings: Settings) -> Cellar:
    return Cellar(settings, Live(database, settings), database, LocalStorage(settings.home / "storage"))


@pytest.fixture
def lite(sqlite: Database, settings: Settings) -> Cellar:
    """On SQLite alone: where the database makes no difference."""
    return Cellar(settings, Live(sqlite, settings), sqlite, LocalStorage(settings.home / "storage"))


@pytest.fixture
def service(lite: Cellar) -> Iterator[RecordingService]:
    made = RecordingService(lite.settings, lite.live, lite.database, lite.storage)
    yield made
    made.close()


def enter_film(lite: Cellar, film: Film) -> None:
    """The film's files and rows, as of this host."""
    for each in film.kept:
        path = lite.settings.recordings / each.path
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(film.folder / each.path, path)
    with lite.database.write() as session:
        for each in film.kept:
            times = {"started_at": each.started_at, "ended_at": each.ended_at}
            session.add(
                RecordingSegment(
                    id=each.segment_id,
                    camera_id="cam",
                    camera_name="door",
                    path=each.path,
                    size_bytes=each.size_bytes,
                    codec=each.codec,
                    host=lite.places.host,
                    **times,
                )
            )
