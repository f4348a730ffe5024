"""Heads of oriented boxes: rectangles of any angle, told by their corners, and their suppression."""

from dataclasses import dataclass

import numpy as np

from registry.runtime.heads import yolo_nms_rows, yolo_rows
from registry.runtime.nms import Floats, Indices

_MOST_CANDIDATES = 5_000  # every pair is compared
_BLOCK = 128
_TINY = 1e-7


@dataclass(frozen=True, slots=True)
class RotatedBoxes:
    """Detections in network pixels, best first: corners (n, 4, 2) in their order around the rectangle, scores (n,) in
    [0, 1], class ids (n,)."""

    corners: Floats
    scores: Floats
    class_ids: Indices


def decode_yolo_obb(output: Floats, confidence: float, iou: float, max_detections: int) -> RotatedBoxes:
    """(1, 4 + labels + 1, anchors): centre-x, centre-y, width, height, label scores, angle in radians; suppressed.

    A rectangle stays when its best label scores above `confidence`; what is not finite is dropped.

    Raises:
        UnsupportedOutputs: another shape.
    """
    rows, _, best = yolo_rows(output, 1)
    anchors = np.flatnonzero(best > confidence)
    anchors = anchors[np.isfinite(rows[:, anchors]).all(axis=0)]
    anchors = anchors[np.argsort(-best[anchors], kind="stable")[:_MOST_CANDIDATES]]
    rectangles = np.concatenate([rows[:4, anchors], rows[-1:, anchors]]).T
    class_ids = np.ascontiguousarray(rows[4:-1, anchors].T).argmax(axis=1)
    kept = suppress_rotated(rectangles, class_ids, iou, max_detections)
    return RotatedBoxes(corners_of(rectangles[kept]), best[anchors[kept]], class_ids[kept])


def decode_yolo_obb_nms(output: Floats, confidence: float, max_detections: int) -> RotatedBoxes:
    """(1, n, 7) of centre-x, centre-y, width, height, score, class, angle that the graph has suppressed already.

    Rows at or below `confidence` (the padding among them) and rows that are not finite are dropped.

    Raises:
        UnsupportedOutputs: another shape.
    """
    rows = yolo_nms_rows(output, 1)
    rows = rows[(rows[:, 4] > confidence) & np.isfinite(rows).all(axis=1)]
    rows = rows[np.argsort(-rows[:, 4], kind="stable")[:max_detections]]
    return RotatedBoxes(corners_of(rows[:, [0, 1, 2, 3, 6]]), rows[:, 4], rows[:, 5].astype(np.intp))


def suppress_rotated(rectangles: Floats, class_ids: Indices, iou: float, max_detections: int) -> Indices:
    """Indices of the rectangles (n, 5), best first, that overlap no better one of their class by more than `iou`.

    Same answer as Ultralytics' for oriented boxes: a rectangle goes for a better one even where that went itself.
    """
    kept = np.empty(0, np.intp)
    for start in range(0, len(rectangles), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(rectangles)))
        better = np.arange(block[-1] + 1)
        overlapping = overlap(rectangles[better], rectangles[block]) > iou
        overlapping &= (better[:, None] < block) & (class_ids[better, None] == class_ids[block])
        kept = np.concatenate([kept, block[~overlapping.any(axis=0)]])
        if len(kept) >= max_detections:
            break
    return kept[:max_detections]


def overlap(first: Floats, second: Floats) -> Floats:
    """How much (n, 5) and (m, 5) rectangles have in common: (n, m) in [0, 1].

    Each is taken as a normal distribution of its extent; 1 less the Hellinger distance of two of them, which is what
    the heads are trained with ("Gaussian Bounding Boxes and Probabilistic Intersection-over-Union", arXiv 2106.06072).
    """
    (a1, b1, c1), (a2, b2, c2) = ([each[:, None] for each in _spread(first)], _spread(second))
    a, b, c = a1 + a2, b1 + b2, c1 + c2
    dx, dy = first[:, :1] - second[:, 0], first[:, 1:2] - second[:, 1]
    common = a * b - c**2
    with np.errstate(all="ignore"):  # rectangles without an area, or larger than any picture
        apart = (a * dy**2 + b * dx**2) / (common + _TINY) / 4 - c * dx * dy / (common + _TINY) / 2
        own = np.sqrt(np.maximum(a1 * b1 - c1**2, 0) * np.maximum(a2 * b2 - c2**2, 0))
        distance = np.clip(apart + np.log(common / (4 * own + _TINY) + _TINY) / 2, _TINY, 100)
    alike: Floats = 1 - np.sqrt(1 - np.exp(-distance) + _TINY)
    return alike


def corners_of(rectangles: Floats) -> Floats:
    """The corners (n, 4, 2) of rectangles (n, 5) of centre-x, centre-y, width, height and angle in radians."""
    centre, cos, sin = rectangles[:, None, :2], np.cos(rectangles[:, 4]), np.sin(rectangles[:, 4])
    along = np.stack([cos, sin], axis=1) * rectangles[:, 2:3] / 2
    across = np.stack([-sin, cos], axis=1) * rectangles[:, 3:4] / 2
    corners: Floats = centre + np.stack([along + across, along - across, -along - across, across - along], axis=1)
    return corners.astype(np.float32)


def _spread(rectangles: Floats) -> tuple[Floats, Floats, Floats]:
    """The covariance of each: of x, of y, of both."""
    width, height = rectangles[:, 2] ** 2 / 12, rectangles[:, 3] ** 2 / 12
    cos, sin = np.cos(rectangles[:, 4]), np.sin(rectangles[:, 4])
    of_x: Floats = width * cos**2 + height * sin**2
    of_y: Floats = width * sin**2 + height * cos**2
    of_both: Floats = ((width - height) * cos * sin).astype(np.float32)
    return of_x, of_y, of_both
