"""The pictures of a video file in their order, each with its true time."""

import os
import selectors
from collections.abc import Callable, Generator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from registry.streams.decoder import widen_pipe
from registry.streams.frames import UInt8
from registry.streams.video_file import VideoFile, Words, end
from registry.streams.video_probe import SHOWN, VideoIndex, landing

_WAIT_S = 0.5
_GRID = 1e-3  # of a grid's step: times are written with rounding
_SEEKS_BACK_S = (0.0, 10.0, 60.0)
_ROUNDING_S = 5e-4  # containers keep times in milliseconds at worst


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which pictures are wanted: each `every`-th, or with `fps` one for each step of a grid of that rate."""

    every: int = 1
    fps: float = 0.0

    def expression(self, index: VideoIndex, first: int) -> str:
        """For FFmpeg's select, where picture number `first` is the first it sees; the same wherever one begins."""
        if self.fps > 0:
            start = f"{index.start_s:.6f}"
            now, before = (f"floor(({name}-{start})*{self.fps:.6f}+{_GRID})" for name in ("t", "prev_t"))
            return f"isnan(prev_t)*{int(self.wanted(index)[first])}+gt({now},{before})"
        return "1" if self.every == 1 else f"not(mod(n+{first},{self.every}))"

    def count(self, index: VideoIndex) -> int:
        """How many of a video's pictures are wanted."""
        return int(self.wanted(index).sum())

    def wanted(self, index: VideoIndex) -> npt.NDArray[np.bool_]:
        """Which of an index's pictures, as booleans."""
        if self.fps > 0:
            steps = np.floor((index.times - index.start_s) * self.fps + _GRID)
            return np.concatenate([[True], np.diff(steps) > 0])
        return np.asarray(np.arange(len(index.times)) % self.every == 0)


@dataclass(frozen=True, slots=True)
class Picture:
    """Planar YUV 4:2:0 as one writable array (h * 3 / 2, w); `at_s` counts from the video's first picture."""

    at_s: float
    yuv: UInt8


def pictures(
    video: VideoFile,
    size_wh: tuple[int, int],
    index: VideoIndex,
    sampling: Sampling,
    from_s: float = 0.0,
    stop: Callable[[], bool] = lambda: False,
) -> Generator[Picture]:
    """Decode from `from_s` (seconds after the first picture) to the end, or until `stop()`.

    Damaged pictures are passed over.
    """
    key_s, number = _beginning(video, index, index.start_s + from_s) if from_s > 0 else (None, 0)
    for each in _decoded(video, size_wh, index, sampling.expression(index, number), key_s, stop):
        if each.at_s >= from_s - 1e-3:
            yield each


def _beginning(video: VideoFile, index: VideoIndex, start_s: float) -> tuple[float | None, int]:
    """Where to seek so that the picture at `start_s` comes, and the number of the first that comes then.

    A file may seek to another key frame than one asks for: what really comes is looked at.
    """
    for back_s in _SEEKS_BACK_S:
        key_s = max(index.key_before(start_s - back_s), index.start_s) + _ROUNDING_S
        first_s = landing(video, key_s)
        if first_s is not None and first_s <= start_s + _ROUNDING_S:
            return key_s, index.number_at(first_s)
    return None, 0


def _decoded(
    video: VideoFile,
    size_wh: tuple[int, int],
    index: VideoIndex,
    selection: str,
    key_s: float | None,
    stop: Callable[[], bool],
) -> Generator[Picture]:
    width, height = size_wh
    chosen = f"select='{selection}',{SHOWN},scale={width}:{height}"
    mine, told = os.pipe()
    output = [
        *("-map", "0:V:0", "-an", "-sn", "-dn", "-filter_threads", "1", "-vf", chosen),
        *("-fps_mode", "passthrough", "-enc_time_base", "filter", "-max_error_rate", "1"),
        *("-stats_enc_pre:v", f"pipe:{told}", "-stats_enc_pre_fmt", "{pts} {tb}"),
        *("-pix_fmt", "yuv420p", "-f", "rawvideo", "pipe:1"),
    ]
    try:
        child = video.child(output, seek_s=key_s, told=told)
    except BaseException:
        os.close(mine)
        raise
    finally:
        os.close(told)
    words = Words(child)
    widen_pipe(child.stdout)
    try:
        last = -1.0
        with os.fdopen(mine, "rb") as times:
            while (yuv := _read(child.stdout.fileno(), (height * 3 // 2, width), stop)) is not None:  # type: ignore[union-attr]
                pts, _, base = times.readline().partition(b" ")
                at_s = float(int(pts) * Fraction(base.decode().strip())) - index.start_s
                last = max(at_s, last + 1e-3)
                words.listen()
                yield Picture(last, yuv)
    finally:
        end(child)


def _read(pipe: int, shape: tuple[int, int], stop: Callable[[], bool]) -> UInt8 | None:
    """The next whole picture, None at the end."""
    picture = np.empty(shape, np.uint8)
    view, at = memoryview(picture.data).cast("B"), 0
    os.set_blocking(pipe, False)
    with selectors.DefaultSelector() as waiting:
        waiting.register(pipe, selectors.EVENT_READ)
        while at < len(view):
            if stop():
                return None
            try:
                got = os.readv(pipe, [view[at:]])
            except BlockingIOError:
                waiting.select(_WAIT_S)
                continue
            if not got:
                return None
            at += got
    return picture
