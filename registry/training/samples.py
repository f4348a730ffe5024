"""Sample pictures to try a detector on, composed from held-out digits."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

from registry.training.digits import Digits
from registry.training.params import SceneParams
from registry.training.scenes import Scene, SceneComposer

_JPEG_QUALITY = 85


@dataclass(frozen=True)
class Sample:
    """One picture to compose: its name, its look and its place in the series of a seed."""

    name: str
    background: str
    number: int
    params: SceneParams


def _params(size_wh: tuple[int, int], digits: tuple[int, int], height_px: tuple[int, int]) -> SceneParams:
    return SceneParams(size_wh=size_wh, digits_per_scene=digits, digit_height_px=height_px, min_contrast=95)


SAMPLES = (
    Sample("notebook-192", "plain", 0, _params((192, 192), (4, 5), (36, 60))),
    Sample("flower-640", "photo", 0, _params((640, 480), (4, 6), (130, 220))),
    Sample("gradient-640", "gradient", 0, _params((640, 480), (5, 7), (120, 200))),
    Sample("clouds-1280", "clouds", 0, _params((1280, 720), (5, 7), (220, 320))),
    Sample("photo-1280", "photo", 0, _params((1280, 720), (5, 7), (220, 320))),
)


def compose_samples(digits: Digits, seed: int) -> Iterator[tuple[str, Scene]]:
    """Every sample with its name."""
    for sample in SAMPLES:
        composer = SceneComposer.over(digits, sample.params)
        yield sample.name, composer.compose(seed + sample.number, sample.number, sample.background)


def write_sample(folder: Path, name: str, scene: Scene) -> Path:
    """Write one picture as JPEG and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.jpg"
    cv2.imwrite(str(path), scene.image_rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return path
