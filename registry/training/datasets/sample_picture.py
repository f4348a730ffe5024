"""A sample's picture, small or whole, with its labels drawn on it or without."""

from pathlib import Path

import cv2
import numpy as np
import supervision as sv

from registry.errors import InvalidImage, ObjectNotFound
from registry.runtime.prediction import ClassScore, Prediction
from registry.training.datasets import annotations
from registry.training.datasets.sample import Dataset, Sample
from registry.vision.drawing import PALETTE, draw
from registry.vision.encoding import encode_jpeg
from registry.vision.image_header import read_header
from registry.vision.images import ImageBgr, decode_image

_FILL = 0.4
_MOST_DRAWN = 500


def original(folder: Path, sample: Sample) -> tuple[bytes, str]:
    """The picture's file as it came, and its media type. Raises ObjectNotFound."""
    data = _read(folder, sample)
    return data, f"image/{read_header(data).kind.lower()}"


def drawn(
    folder: Path, dataset: Dataset, sample: Sample, longest_side: int = 1_280, *, annotated: bool = True
) -> bytes:
    """The picture as JPEG, at most `longest_side` pixels wide or high, with its labels where `annotated`.

    Raises ObjectNotFound, InvalidImage.
    """
    picture = decode_image(_read(folder, sample), sample.width * sample.height + 1)
    if picture.shape[:2] != (sample.height, sample.width):
        raise InvalidImage(f"{sample.file} is not the picture that was imported")
    scale = min(1.0, longest_side / max(picture.shape[:2]))
    if scale < 1:
        size = (max(1, round(sample.width * scale)), max(1, round(sample.height * scale)))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    if not annotated:
        return encode_jpeg(np.ascontiguousarray(picture[..., ::-1]))
    return encode_jpeg(draw(_filled(picture, sample, scale), _labels(dataset, sample, scale)))


def _read(folder: Path, sample: Sample) -> bytes:
    try:
        return (folder / annotations.IMAGES / sample.file).read_bytes()
    except OSError as error:
        raise ObjectNotFound(f"the picture {sample.file[:80]!r} is not there any more") from error


def _labels(dataset: Dataset, sample: Sample, scale: float) -> Prediction:
    """The labels as an answer of a model would have them; nothing is certain or not about them."""
    height, width = round(sample.height * scale), round(sample.width * scale)
    if sample.label is not None:
        return Prediction(width, height, classes=(ClassScore(sample.label, dataset.classes[sample.label], 1.0),))
    items = sample.objects[:_MOST_DRAWN]
    found = sv.Detections(
        xyxy=np.array([item.box for item in items], np.float32).reshape(-1, 4) * scale,
        class_id=np.array([item.class_id for item in items], int),
        data={"class_name": np.array([dataset.classes[item.class_id] for item in items], dtype=object)},
    )
    if items and all(item.keypoints for item in items):
        points = np.array([item.keypoints for item in items], np.float32)
        found.data["keypoints"] = points * np.array([scale, scale, 1], np.float32)
    return Prediction(width, height, detections=found)


def _filled(picture: ImageBgr, sample: Sample, scale: float) -> ImageBgr:
    """A copy with outlines filled in their class's colour."""
    if not any(item.polygons for item in sample.objects):
        return picture
    tinted = picture.copy()
    for item in sample.objects[:_MOST_DRAWN]:
        rings = [np.round(np.array(ring).reshape(-1, 2) * scale).astype(np.int32) for ring in item.polygons]
        cv2.fillPoly(tinted, rings, PALETTE.by_idx(item.class_id).as_bgr())
    return np.asarray(cv2.addWeighted(tinted, _FILL, picture, 1 - _FILL, 0), np.uint8)
