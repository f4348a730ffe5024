"""Scenes on disk in the YOLO layout, with a manifest."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from registry.errors import ObjectNotFound
from registry.training.scenes import Scene, SceneComposer

_JPEG_QUALITY = 92


@dataclass(frozen=True)
class LabelledImage:
    """A picture, BGR (height, width, 3) uint8, with boxes (n, 4) in its pixels and labels (n,)."""

    image_bgr: npt.NDArray[np.uint8]
    boxes_xyxy: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]


def write_scenes(folder: Path, composer: SceneComposer, count: int, seed: int) -> None:
    """Write the first `count` scenes of a seed to `images/`, `labels/` and `manifest.json` under `folder`."""
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    manifest = {}
    for number in range(count):
        scene = composer.compose(seed, number)
        stem = f"{number:05d}"
        path = folder / "images" / f"{stem}.jpg"
        cv2.imwrite(str(path), scene.image_rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        (folder / "labels" / f"{stem}.txt").write_text(yolo_lines(scene), encoding="ascii")
        manifest[stem] = scene.digit_indices.tolist()
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="ascii")


def yolo_lines(scene: Scene) -> str:
    """One line `label centre-x centre-y width height` per digit, in shares of the picture."""
    height, width = scene.image_rgb.shape[:2]
    x1, y1, x2, y2 = scene.boxes_xyxy.T
    boxes = np.stack([(x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height], axis=1)
    return "".join(
        f"{label} {' '.join(f'{value:.6f}' for value in box)}\n" for label, box in zip(scene.labels, boxes, strict=True)
    )


def read_scenes(folder: Path) -> Iterator[LabelledImage]:
    """The pictures of a folder in the order of their names. Raises ObjectNotFound for a folder without any."""
    paths = sorted((folder / "images").glob("*.jpg"))
    if not paths:
        raise ObjectNotFound(f"no scenes in {folder}", hint="Run `dvc repro prepare` first.")
    for path in paths:
        image_bgr = np.asarray(cv2.imread(str(path)), np.uint8)
        height, width = image_bgr.shape[:2]
        rows = np.loadtxt(folder / "labels" / f"{path.stem}.txt", ndmin=2, dtype=np.float32).reshape(-1, 5)
        centre, half = rows[:, 1:3], rows[:, 3:5] / 2
        scale = np.array([width, height, width, height], np.float32)
        boxes = (np.hstack([centre - half, centre + half]) * scale).astype(np.float32)
        yield LabelledImage(image_bgr, boxes, rows[:, 0].astype(np.int64))
