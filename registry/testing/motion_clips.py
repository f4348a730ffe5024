"""Luma frames with the truth about motion: labelled clips for the motion gate."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

UInt8 = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class MotionClip:
    """What is shown. Sizes are shares of the picture's height, speeds shares of its width in a second."""

    name: str
    seed: int = 1
    seconds: float = 60.0
    fps: int = 5
    size_wh: tuple[int, int] = (640, 360)
    object_size: float = 0.14
    contrast: float = 45.0
    speed: float = 0.12
    noise: float = 2.5
    day_swing: float = 0.0  # how much brighter it slowly gets and darker again, in gray levels
    switch_every_s: float = 0.0  # a lamp goes on and off
    flicker: float = 0.0  # gray levels, frame by frame


@dataclass(frozen=True, slots=True)
class LabelledFrame:
    """A luma plane (h, w) uint8; `moves` says whether an object moves in it, `at_s` when it was."""

    luma: UInt8
    moves: bool
    at_s: float


def clips(seed: int = 1) -> list[MotionClip]:
    """What cameras see: good light and bad, fast and slow, changing light."""
    return [
        MotionClip("day", seed),
        MotionClip("small and slow", seed + 1, object_size=0.09, speed=0.05),
        MotionClip("fast", seed + 2, speed=0.5),
        MotionClip("night", seed + 3, contrast=30.0, noise=5.0),
        MotionClip("clouds", seed + 4, day_swing=40.0),
        MotionClip("lamp", seed + 5, switch_every_s=15.0),
        MotionClip("flicker", seed + 6, flicker=3.0),
    ]


def play(clip: MotionClip) -> Iterator[LabelledFrame]:
    """The frames of a clip; equal clips give equal frames. An object moves in about a fifth of them."""
    rng = np.random.default_rng(clip.seed)
    width, height = clip.size_wh
    coarse = rng.uniform(60, 170, (9, 16)).astype(np.float32)
    scene = cv2.resize(coarse, clip.size_wh, interpolation=cv2.INTER_CUBIC)
    scene += rng.normal(0, 6, (height, width)).astype(np.float32)
    passages = _passages(clip, rng)
    for number in range(round(clip.seconds * clip.fps)):
        at_s = number / clip.fps
        image = scene + _light(clip, at_s, rng)
        moves = False
        for begin, end, lane, sign in passages:
            if begin <= at_s < end:
                moves = True
                _draw(image, clip, (at_s - begin) / (end - begin), lane, sign)
        image += rng.normal(0, clip.noise, image.shape).astype(np.float32)
        yield LabelledFrame(image.clip(0, 255).astype(np.uint8), moves, at_s)


def _passages(clip: MotionClip, rng: np.random.Generator) -> list[tuple[float, float, float, int]]:
    """When an object goes through (begin, end, lane, brighter or darker); the first five seconds are still."""
    found, at_s = [], 5.0
    stay_s = min(8.0, 1.0 / clip.speed)
    while at_s + stay_s < clip.seconds:
        found.append((at_s, at_s + stay_s, float(rng.uniform(0.1, 0.85)), int(rng.choice([-1, 1]))))
        at_s += stay_s * rng.uniform(3.5, 5.5)
    return found


def _draw(image: npt.NDArray[np.float32], clip: MotionClip, way: float, lane: float, sign: int) -> None:
    width, height = clip.size_wh
    side = max(4, round(clip.object_size * height))
    reach = clip.speed * min(8.0, 1.0 / clip.speed)  # how far it gets
    x = round((0.02 + way * (reach - 0.04)) * (width - side))
    y = round(lane * (height - side))
    texture = 1 + 0.25 * np.sin(np.arange(side, dtype=np.float32) / 3)
    image[y : y + side, x : x + side] += sign * clip.contrast * texture


def _light(clip: MotionClip, at_s: float, rng: np.random.Generator) -> float:
    slow = clip.day_swing * np.sin(2 * np.pi * at_s / 60.0)
    lamp = 55.0 if clip.switch_every_s and int(at_s / clip.switch_every_s) % 2 else 0.0
    return float(slow + lamp + (rng.normal(0, clip.flicker) if clip.flicker else 0.0))
