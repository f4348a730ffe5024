"""Sample pictures to try a detector on, composed from held-out digits."""

import json
from dataclasses import dataclass
from pathlib import Path

import cv2

from registry.training.digits import Digits
from registry.training.params import SceneParams
from registry.training.scenes import SceneComposer

_JPEG_QUALITY = 85
_SEED = 2026


@dataclass(frozen=True)
class Sample:
    """One picture to compose: its name, its look and its place in the series of a seed."""

    name: str
    background: str
    number: int
    params: SceneParams


def _params(size_wh: tuple[int, int], digits: tuple[int, int], height_px: tuple[int, int]) -> SceneParams:
    return SceneParams(size_wh=size_wh, digits_per_scene=digits, digit_height_px=height_px, min_contrast=95)


# the digits are an eighth to a half of the longer side, so that a detector that sees 192 pixels reads them
SAMPLES = (
    Sample("paper-192", "plain", 12, _params((192, 192), (4, 5), (36, 60))),
    Sample("flower-640", "photo", 12, _params((640, 480), (4, 6), (130, 220))),
    Sample("gradient-640", "gradient", 7, _params((640, 480), (5, 7), (120, 200))),
    Sample("clouds-1280", "clouds", 13, _params((1280, 720), (5, 7), (220, 320))),
    Sample("pagoda-1280", "photo", 2, _params((1280, 720), (5, 7), (220, 320))),
    Sample("lake-1280", "photo", 13, _params((1280, 720), (5, 7), (220, 320))),
)


def write_samples(folder: Path, digits: Digits) -> None:
    """Write every sample as JPEG, and to `truth.json` the box (x1, y1, x2, y2 in pixels) and label of each digit."""
    folder.mkdir(parents=True, exist_ok=True)
    truth = {}
    for sample in SAMPLES:
        scene = SceneComposer.over(digits, sample.params).compose(_SEED, sample.number, sample.background)
        name = f"{sample.name}.jpg"
        cv2.imwrite(str(folder / name), scene.image_rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        truth[name] = {"boxes": scene.boxes_xyxy.astype(int).tolist(), "labels": scene.labels.tolist()}
    (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="ascii")
