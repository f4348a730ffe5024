"""The labels of a picture as Ultralytics' trainers read them: a line for each object, in shares of the picture."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from registry.errors import InvalidInput
from registry.runtime.card import ModelCard, Task
from registry.training.scene_folder import LabelledImage
from registry.tuning.shaped import OutlinedImage, PosedImage

ROWS = {
    Task.DETECT: "five numbers: class cx cy w h",
    Task.SEGMENT: "a class and its outline, three points or more: class x1 y1 x2 y2 x3 y3 …",
    Task.POSE: "a class, its box and every key point: class cx cy w h x1 y1 v1 x2 y2 v2 …",
}

Floats = npt.NDArray[np.float32]


def labelled(image_bgr: npt.NDArray[np.uint8], labels: Path, card: ModelCard) -> LabelledImage:
    """A picture with what the file says of it, which need not be there; outlines are cut at the picture's edges.

    Raises InvalidInput naming the line.
    """
    rows = _rows(labels, card)
    ids = np.array([row[0] for row in rows], np.int64)
    height, width = image_bgr.shape[:2]
    size = np.array([width, height], np.float32)
    if card.task is Task.SEGMENT:
        rings = [row[1:].clip(0, 1).reshape(-1, 2) * size for row in rows]
        boxes = np.array([[*ring.min(axis=0), *ring.max(axis=0)] for ring in rings], np.float32).reshape(-1, 4)
        outlines = tuple((tuple(ring.ravel().tolist()),) for ring in rings)
        return OutlinedImage(image_bgr, boxes, ids, outlines)
    places = np.array([row[1:5] for row in rows], np.float32).reshape(-1, 4)
    centre, half = places[:, :2], places[:, 2:] / 2
    boxes = (np.hstack([centre - half, centre + half]) * np.tile(size, 2)).astype(np.float32)
    objects = LabelledImage(image_bgr, boxes, ids)
    if card.keypoint_shape is None:
        return objects
    points = np.array([_points(row[5:], card.keypoint_shape[0]) for row in rows], np.float32)
    points = points.reshape(-1, card.keypoint_shape[0], 3)
    return PosedImage.of(objects, points * np.array([width, height, 1], np.float32))


def _rows(labels: Path, card: ModelCard) -> list[Floats]:
    try:
        lines = labels.read_text(encoding="ascii").splitlines() if labels.is_file() else []
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{labels}: each line takes {ROWS[card.task]}") from error
    return [_row(line, f"{labels}: line {number}", card) for number, line in enumerate(lines, 1) if line.strip()]


def _row(line: str, place: str, card: ModelCard) -> Floats:
    try:
        row = np.array(line.split(), np.float32)
    except ValueError:
        row = np.zeros(0, np.float32)
    if not _is_whole(len(row), card) or not np.isfinite(row).all():
        raise InvalidInput(f"{place} takes {ROWS[card.task]}")
    if not 0 <= row[0] < len(card.labels) or row[0] % 1:
        raise InvalidInput(f"{place}: class {row[0]:g}; the model has {len(card.labels)} classes")
    return row


def _is_whole(numbers: int, card: ModelCard) -> bool:
    if card.task is Task.SEGMENT:
        return numbers >= 7 and numbers % 2 == 1
    points = card.keypoint_shape[0] if card.keypoint_shape else 0
    return numbers - 5 in {2 * points, 3 * points}


def _points(values: Floats, count: int) -> Floats:
    """(count, 3); what has no visibility is visible."""
    given = values.reshape(count, -1)
    return given if given.shape[1] == 3 else np.hstack([given, np.full((count, 1), 2, np.float32)])
