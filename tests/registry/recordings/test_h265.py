"""Recordings of cameras that send H.265: kept as they came, encoded where a browser is to play them."""

import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from registry.cameras.recording import RecordingSettings
from registry.recordings.clips import Clips
from registry.recordings.disk_line import DiskLine
from registry.recordings.films import Films
from registry.recordings.recorder import CameraRecorder, RecorderOutlets
from registry.recordings.segment import Segment
from registry.records import CameraEvent, RecordingSegment
from registry.testing.played import play
from tests.registry.recordings.conftest import ADMIN, Cellar, Film, enter_film


@pytest.fixture(scope="module")
def film_h265(tmp_path_factory: pytest.TempPathFactory) -> Film:
    """Three seconds of it, wider than what is encoded may be, in segments of a second."""
    folder, began_at = tmp_path_factory.mktemp("h265"), datetime.now(UTC)
    source = ["-f", "lavfi", "-i", "testsrc2=s=2560x360:r=10", "-t", "3", "-pix_fmt", "yuv420p"]
    codec = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:pools=1:bframes=0", "-g", "10"]
    cut = ["-movflags", "frag_keyframe+empty_moov+default_base_moof", "-f", "mp4", "pipe:1"]
    command = [get_ffmpeg_exe(), "-v", "error", *source, *codec, *cut]
    sent = subprocess.run(command, check=True, capture_output=True, timeout=120).stdout
    kept: list[Segment] = []
    disk, outlets = DiskLine(), RecorderOutlets(kept.append, lambda _: None, lambda: None)
    recorder = CameraRecorder("cam", RecordingSettings(mode="continuous"), folder, disk, outlets, segment_s=1.0)
    recorder.begin()
    recorder.feed(sent, time.monotonic())
    recorder.close()
    disk.close()
    return Film(folder, kept, began_at)


def _read(lite: Cellar, target: Path, record: RecordingSegment, *, playable: bool) -> Path:
    with Films(lite.live, lite.places).open(record, playable=playable) as file:
        target.write_bytes(file.read())
    return target


def test_it_is_encoded_for_players_in_a_page_and_given_as_it_came_otherwise(
    lite: Cellar, film_h265: Film, tmp_path: Path
) -> None:
    enter_film(lite, film_h265)
    record = lite.rows()[0]
    assert record.codec == "h265"
    came = play(_read(lite, tmp_path / "as-it-came.mp4", record, playable=False))
    assert (came.codec, came.size_wh) == ("hevc", (2560, 360))
    played = play(_read(lite, tmp_path / "playable.mp4", record, playable=True))
    assert (played.codec, played.size_wh, played.pictures) == ("h264", (1920, 270), came.pictures)
    joined = lite.library().export(ADMIN, "cam", film_h265.kept[0].started_at, film_h265.kept[-1].ended_at)
    assert play(joined.path).codec == "hevc", "who takes hours away gets what the camera sent"
    joined.path.unlink()


def test_a_clip_of_it_is_encoded(lite: Cellar, film_h265: Film, tmp_path: Path) -> None:
    enter_film(lite, film_h265)
    shift = datetime.now(UTC) - timedelta(minutes=5) - film_h265.kept[0].ended_at
    with lite.database.write() as session:
        for each in film_h265.kept:
            row = session.get(RecordingSegment, each.segment_id)
            assert row is not None
            row.started_at, row.ended_at = each.started_at + shift, each.ended_at + shift
            session.add(row)
        at = film_h265.kept[1].started_at + shift
        session.add(CameraEvent(id="e1", camera_id="cam", camera_name="door", started_at=at, ended_at=at))
    settings = {"cam": RecordingSettings(mode="events", pre_s=1, post_s=1)}
    assert Clips(lite.database, lite.places).write_due(settings) == 1
    with lite.database.read() as session:
        event = session.get(CameraEvent, "e1")
    assert event is not None
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(lite.storage.get(event.clip))
    assert play(clip).codec == "h264"
