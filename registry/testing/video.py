"""A short video of moving digits, with the place of each in every frame."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from registry.training.backgrounds import draw_background, load_photos
from registry.training.digits import Digits
from registry.training.scenes import blend, ink_mask, pick_colour

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]

_LANES = 3
_MIN_CONTRAST = 95
_DIGIT_HEIGHT_SHARE = 0.31  # of the frame: legible to a detector that sees the frame 192 pixels wide


@dataclass(frozen=True)
class Clip:
    """How long, fast and large a clip is; `seed` chooses its background, digits and ways."""

    seed: int = 3
    seconds: float = 10.0
    fps: int = 25
    size_wh: tuple[int, int] = (1280, 720)

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return round(self.seconds * self.fps)


@dataclass(frozen=True)
class ClipTruth:
    """Where each digit is: boxes (frames, digits, 4) xyxy in pixels, labels (digits,). A digit keeps its column."""

    boxes_xyxy: Float32
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Mover:
    """One digit on its way from edge to edge and back, in a lane of its own."""

    ink: Float32
    colour_rgb: Float32
    top: int
    lefts: npt.NDArray[np.int64]

    def box(self, frame: int) -> tuple[int, int, int, int]:
        left = int(self.lefts[frame])
        return left, self.top, left + self.ink.shape[1], self.top + self.ink.shape[0]


def write_digit_clip(path: Path, digits: Digits, clip: Clip) -> ClipTruth:
    """Write an H.264 MP4 of digits that move across a photograph; equal arguments give equal frames."""
    rng = np.random.default_rng(clip.seed)
    background = draw_background("photo", clip.size_wh, rng, load_photos())
    labels = rng.choice(np.unique(digits.labels), _LANES, replace=False)
    rows = [rng.choice(np.flatnonzero(digits.labels == label)) for label in labels]
    movers = [_mover(digits.images[row], lane, background, clip, rng) for lane, row in enumerate(rows)]
    _encode(path, clip, _frames(background, movers, clip))
    boxes = [[mover.box(frame) for mover in movers] for frame in range(clip.frames)]
    return ClipTruth(np.array(boxes, np.float32), digits.labels[rows])


def _mover(image_gray: UInt8, lane: int, background: Float32, clip: Clip, rng: np.random.Generator) -> _Mover:
    width, height = clip.size_wh
    ink = ink_mask(image_gray, int(height * _DIGIT_HEIGHT_SHARE))
    lane_height = height // _LANES
    top = lane * lane_height + (lane_height - ink.shape[0]) // 2
    room = width - ink.shape[1]
    speed = rng.uniform(0.1, 0.25) * width / clip.fps
    phase = (rng.uniform(0, 2 * room) + speed * np.arange(clip.frames)) % (2 * room)
    lefts = np.minimum(phase, 2 * room - phase).round().astype(np.int64)  # a triangle wave turns at both edges
    band = background[top : top + ink.shape[0]]
    return _Mover(ink, pick_colour(band, _MIN_CONTRAST, rng), top, lefts)


def _frames(background: Float32, movers: list[_Mover], clip: Clip) -> Iterator[bytes]:
    still = background.round().astype(np.uint8)
    for frame in range(clip.frames):
        image_rgb = still.copy()
        for mover in movers:
            x1, y1, x2, y2 = mover.box(frame)
            behind = background[y1:y2, x1:x2].copy()
            blend(behind, mover.ink, mover.colour_rgb)
            image_rgb[y1:y2, x1:x2] = behind.round()
        yield image_rgb.tobytes()


def _encode(path: Path, clip: Clip, frames: Iterator[bytes]) -> None:
    from imageio_ffmpeg import get_ffmpeg_exe

    width, height = clip.size_wh
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(clip.fps), "-i", "-"]
    codec = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p", "-g", str(clip.fps)]
    same = ["-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-map_metadata", "-1"]
    command = [get_ffmpeg_exe(), "-v", "error", "-y", *source, *codec, *same, "-movflags", "+faststart", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as encoder:  # noqa: S603 - the bundled ffmpeg
        assert encoder.stdin is not None  # noqa: S101
        for frame in frames:
            encoder.stdin.write(frame)
    if encoder.returncode:
        raise subprocess.CalledProcessError(encoder.returncode, command)
