"""A camera is recorded as it came, without being decoded for it."""

import resource
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from registry.cameras.recording import RecordingSettings
from registry.errors import InvalidInput, RecordingNotFound
from registry.recordings.disk_line import DiskLine
from registry.recordings.joining import Source, join, pieces_of
from registry.recordings.segment import Segment, next_id
from registry.recordings.segment_file import PART, SegmentReader, repair
from registry.testing.mjpeg_camera import MjpegCamera
from registry.testing.played import play, starts_playing_at_once
from registry.testing.rtsp_server import RtspCamera
from tests.registry.recordings.conftest import Film, Record

CONTINUOUS = RecordingSettings(mode="continuous")


def _sources(folder: Path, kept: list[Segment]) -> list[Source]:
    return [Source(folder / each.path, each.started_at) for each in kept]


def test_segments_play_follow_one_another_and_say_when_they_came(film: Film, clip_h264: bytes) -> None:
    first, second = film.kept[:2]
    played = play(film.folder / first.path)
    assert (played.codec, played.size_wh, played.pictures) == ("h264", (640, 360), 25)
    assert played.seconds == pytest.approx(1.0, abs=0.1)
    assert played.times[0] == pytest.approx(0.0, abs=0.05)
    assert film.began_at < first.started_at < first.ended_at
    assert abs(second.started_at - first.ended_at) < timedelta(milliseconds=100)
    assert film.kept[-1].ended_at < datetime.now(UTC)
    assert [each.segment_id for each in film.kept] == sorted(each.segment_id for each in film.kept)
    content = (film.folder / first.path).read_bytes()
    assert (first.size_bytes, first.codec) == (len(content), "h264")
    pictures = [unit.rstrip(b"\0") for unit in clip_h264.split(b"\x00\x00\x01") if len(unit) > 300]
    assert sum(unit in content for unit in pictures) >= 0.2 * len(pictures)  # a quarter of the clip, as it came


def test_a_clip_goes_across_segments_and_connections_and_plays_at_once(film: Film, tmp_path: Path) -> None:
    kept = film.kept
    begin, end = kept[0].started_at + timedelta(seconds=0.4), kept[-1].started_at + timedelta(seconds=0.3)
    (run,) = pieces_of(_sources(film.folder, kept), begin, end)
    made = join(run, tmp_path / "clip.mp4", 1 << 30)
    played = play(made.path)
    assert starts_playing_at_once(made.path)
    assert made.started_at <= begin < end <= made.ended_at
    assert made.pictures == played.pictures == 25 * len(kept)
    gaps = [later - earlier for earlier, later in zip(played.times, played.times[1:], strict=False)]
    assert max(gaps) < 0.3  # the second that was lost between two connections is none of the film
    assert min(gaps) > 0


def test_nothing_and_too_much_are_refused(film: Film, tmp_path: Path) -> None:
    first = film.kept[0]
    before = first.started_at - timedelta(minutes=1)
    assert pieces_of(_sources(film.folder, film.kept), before, before + timedelta(seconds=1)) == []
    with pytest.raises(RecordingNotFound):
        join([], tmp_path / "clip.mp4", 1 << 30)
    (run,) = pieces_of(_sources(film.folder, film.kept), first.started_at, first.ended_at)
    with pytest.raises(InvalidInput, match="shorter"):
        join(run, tmp_path / "clip.mp4", 1_000)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_was_writing_is_made_whole(film: Film, tmp_path: Path) -> None:
    whole = film.folder / max(film.kept, key=lambda each: each.size_bytes).path
    left = tmp_path / f"{whole.name}{PART}"
    left.write_bytes(whole.read_bytes() + whole.read_bytes()[-20_000:-100])  # and a part of the next, as power fails
    made = repair(left)
    assert made is not None
    assert made.path == tmp_path / whole.name
    assert (play(made.path).pictures, made.whole) == (25, whole.stat().st_size)


@pytest.mark.parametrize("content", [b"", b"noise" * 100, b"\0\0\0\x18ftypiso5"], ids=["empty", "noise", "head"])
def test_a_half_segment_with_nothing_in_it_is_removed(tmp_path: Path, content: bytes) -> None:
    part = tmp_path / f"20260101T000000.000000-00{PART}"
    part.write_bytes(content)
    assert repair(part) is None
    assert list(tmp_path.iterdir()) == []


def test_ids_go_on_upwards_when_the_clock_is_set_back() -> None:
    future = next_id("ffff00000000000000000000deadbeef")
    assert future > "ffff00000000000000000000deadbeef"
    assert next_id(future) > future > next_id()


def test_only_what_motion_touched_stays_with_the_seconds_before_and_after(record: Record, clip_h264: bytes) -> None:
    with RtspCamera(clip_h264) as camera:
        recorded = record(camera.url, RecordingSettings(mode="motion", pre_s=1, post_s=1))
        recorded.seen.wait_for(lambda: recorded.recorder.counts.segments >= 1)
        assert recorded.kept == []
        moment = recorded.seen.frames[-1].captured_at
        recorded.recorder.mark_motion(moment)
        recorded.wait_kept(1)
        written = recorded.recorder.counts.segments
        recorded.seen.wait_for(lambda: recorded.recorder.counts.segments >= written + 3)
        recorded.recorder.close()
        recorded.seen.wait_for(lambda: len(recorded.files) == len(recorded.kept))
    kept = recorded.kept
    assert all(segment.has_motion and not segment.has_event for segment in kept)
    assert kept[0].started_at < moment < kept[-1].ended_at
    assert kept[-1].ended_at - kept[0].started_at < timedelta(seconds=6) < timedelta(seconds=7)
    assert sorted(recorded.folder / segment.path for segment in kept) == recorded.files
    assert len(kept) < recorded.recorder.counts.segments


def test_the_analysis_goes_on_while_the_disk_stands_still_and_then_refuses(record: Record, clip_h264: bytes) -> None:
    disk, go_on = DiskLine(most_bytes=150_000), threading.Event()
    disk.put(lambda: go_on.wait(60) and None)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with RtspCamera(clip_h264) as camera:
        recorded = record(camera.url, CONTINUOUS, disk=disk)
        recorded.seen.wait_for(lambda: recorded.recorder.counts.lost >= 2)
        number = len(recorded.seen.frames)
        recorded.seen.wait_for(lambda: len(recorded.seen.frames) >= number + 5)
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, before[1]))  # a disk that takes no more
        go_on.set()
        try:
            recorded.seen.wait_for(lambda: recorded.recorder.counts.refused >= 2)
            assert recorded.recorder.problem == "the disk refused: File too large"
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert recorded.refusals
        kept = len(recorded.kept)
        recorded.wait_kept(kept + 1)
        assert recorded.recorder.problem == ""
        assert recorded.seen.states == ["live"]
    for segment in recorded.kept:
        play(recorded.folder / segment.path)
    assert not [path for path in recorded.files if path.stat().st_size == 0]


def test_a_camera_that_sends_jpegs_is_kept_as_it_is_and_exported_for_browsers(record: Record, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    pictures = [cv2.imencode(".jpg", rng.integers(0, 255, (240, 320, 3), np.uint8))[1].tobytes() for _ in range(10)]
    with MjpegCamera(pictures) as camera:
        recorded = record(camera.url, CONTINUOUS)
        kept = list(recorded.wait_kept(2)[:2])
    first = recorded.folder / kept[0].path
    assert kept[0].codec == "mjpeg"
    assert play(first).codec == "mjpeg"
    assert any(picture in first.read_bytes() for picture in pictures)
    (run,) = pieces_of(_sources(recorded.folder, kept), kept[0].started_at, kept[1].ended_at)
    made = join(run, tmp_path / "clip.mp4", 1 << 30)
    assert (play(made.path).codec, play(made.path).pictures) == ("h264", made.pictures)
    assert starts_playing_at_once(made.path)
    assert SegmentReader(first).duration_s == pytest.approx(play(first).seconds, abs=0.2)
