"""Video files of many kinds: what is in them, and their pictures with true times from any place."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from registry.errors import InvalidVideo
from registry.settings import PROJECT_ROOT
from registry.streams.containers import container_of
from registry.streams.decoder import MAX_PIXELS
from registry.streams.video_file import VideoFile
from registry.streams.video_frames import Sampling, pictures
from registry.streams.video_probe import Sight, VideoIndex, index, look
from registry.testing.odd_videos import KINDS, cut_short, odd_video, one_large_picture, sound_only
from registry.testing.video import Clip, write_digit_clip
from registry.training.digits import load_digits

ALL = Sampling()
CLIP = Clip(seconds=3.0, size_wh=(320, 180))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    write_digit_clip(path, load_digits(), CLIP)
    return path


@contextmanager
def _opened(path: Path) -> Iterator[tuple[VideoFile, Sight, VideoIndex]]:
    video = VideoFile(path.open("rb"))
    try:
        sight = look(video)
        yield video, sight, index(video, sight)
    finally:
        video.close()


def _times(path: Path, sampling: Sampling = ALL, from_s: float = 0.0) -> list[float]:
    with _opened(path) as (video, sight, found):
        return [round(each.at_s, 3) for each in pictures(video, sight.size_wh, found, sampling, from_s)]


def test_a_plain_clip_is_read_as_it_is(clip: Path) -> None:
    with _opened(clip) as (video, sight, found):
        assert (video.container, sight.size_wh, sight.duration_s) == ("mov", (320, 180), 3.0)
        assert (len(found.times), found.keys.tolist(), found.notes) == (75, [0.0, 1.0, 2.0], ())
        seen = list(pictures(video, sight.size_wh, found, Sampling()))
    assert [round(each.at_s, 3) for each in seen] == [round(n / 25, 3) for n in range(75)]
    assert seen[0].yuv.tobytes() == sight.picture
    assert {each.yuv.shape for each in seen} == {(270, 320)}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_odd_videos_are_shown_as_people_see_them(clip: Path, kind: str, tmp_path: Path) -> None:
    path = odd_video(clip, kind, tmp_path)
    expected = {"rotated": (180, 320), "odd_size": (318, 178), "wide_pixels": (426, 180)}.get(kind, (320, 180))
    with _opened(path) as (video, sight, found):
        assert sight.size_wh == expected
        seen = [round(each.at_s, 3) for each in pictures(video, sight.size_wh, found, Sampling())]
    wanted = [n for n in range(75) if kind != "variable_rate" or n % 10 < 4]
    assert seen == [round(n / 25, 3) for n in wanted]


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(every=4), Sampling(fps=6)], ids=["all", "every", "fps"])
@pytest.mark.parametrize("kind", ["late_index", "transport", "one_key", "variable_rate"])
def test_from_any_place_the_same_pictures_come(clip: Path, kind: str, sampling: Sampling, tmp_path: Path) -> None:
    path = odd_video(clip, kind, tmp_path)
    whole = _times(path, sampling)
    for from_s in (0.5, 1.96, 2.9):
        assert _times(path, sampling, from_s) == [each for each in whole if each >= from_s - 1e-3]
    with _opened(path) as (_, _, found):
        assert sampling.count(found) == len(whole)


def test_what_is_cut_short_gives_what_is_there_and_says_so(clip: Path, tmp_path: Path) -> None:
    cut = cut_short(clip, 0.5, tmp_path)  # its index is at the beginning
    with _opened(cut) as (video, sight, found):
        [note] = found.notes
        assert "3.0 s" in note
        seen = list(pictures(video, sight.size_wh, found, Sampling()))
    assert 20 < len(seen) < 60


def test_what_is_no_video_is_refused_with_the_reason(clip: Path, tmp_path: Path) -> None:
    picture = tmp_path / "picture.mp4"
    picture.write_bytes(next((PROJECT_ROOT / "data" / "samples").glob("*.jpg")).read_bytes())
    without_index = cut_short(odd_video(clip, "late_index", tmp_path), 0.7, tmp_path)
    garbage = tmp_path / "garbage.mp4"
    garbage.write_bytes(b"\0\0\0\x18ftypisom" + bytes(range(256)) * 40)
    for path, why in (
        (picture, "no video"),
        (sound_only(tmp_path), "only sound"),
        (without_index, "cut short"),
        (garbage, "no picture"),
        (one_large_picture((8_192, 4_320), tmp_path), "8192 x 4320 pixels; at most 33,177,600, .* are decoded"),
    ):
        with pytest.raises(InvalidVideo, match=why) as refused, _opened(path):
            pass
        assert refused.value.hint


@pytest.mark.parametrize(
    ("start", "container"),
    [
        (b"\0\0\0\x18ftypisom", "mov"),
        (b"\0\0\0\x18ftypavif", ""),  # a still picture in the same box
        (b"\0\0\0\x08wide\0\0", "mov"),  # QuickTime as cameras wrote it
        (b"\x1a\x45\xdf\xa3", "matroska"),
        (b"RIFF\0\0\0\0AVI LIST", "avi"),
        (b"RIFF\0\0\0\0WEBPVP8 ", ""),
        (b"\x47" + b"\0" * 187 + b"\x47" + b"\0" * 67, "mpegts"),
        (b"GIF89a" + b"\0" * 250, ""),  # begins as a transport stream does
        (b"#EXTM3U\nhttp://127.0.0.1/", ""),  # FFmpeg would fetch it
        (b"", ""),
    ],
)
def test_the_container_is_that_of_the_content(start: bytes, container: str) -> None:
    assert container_of(start) == container


def test_who_stops_is_not_kept_waiting(clip: Path) -> None:
    with _opened(clip) as (video, sight, found):
        stopped = threading.Event()
        reading = pictures(video, sight.size_wh, found, ALL, stop=stopped.is_set)
        assert next(reading).at_s == 0
        stopped.set()
        assert list(reading) == []


def test_pixels_of_any_width_make_no_picture_larger_than_the_largest(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "wide.mkv"
    widened = ["-vf", "scale=1280:720,setsar=100/1", "-c:v", "mpeg4", "-frames:v", "1"]
    subprocess.run([get_ffmpeg_exe(), "-v", "error", "-i", str(clip), *widened, str(path)], check=True)
    video = VideoFile(path.open("rb"))
    width, height = look(video).size_wh
    video.close()
    assert width * height <= MAX_PIXELS
    assert width > 20 * height  # it is as wide as it may be
