"""YuNet's twelve output tensors to faces with five points each."""

from collections.abc import Sequence

import numpy as np

from registry.errors import UnsupportedOutputs
from registry.runtime.heads import NetworkBoxes
from registry.runtime.nms import MAX_CANDIDATES, Floats, suppress

STRIDES = (8, 16, 32)
POINTS = 5
_WIDTHS = (1, 1, 4, 2 * POINTS)  # of a face's score, an object's score, a box, the points


def decode_yunet(
    outputs: Sequence[Floats], network_wh: tuple[int, int], confidence: float, iou: float, max_detections: int
) -> NetworkBoxes:
    """Tensors (1, cells, 1), (1, cells, 1), (1, cells, 4), (1, cells, 10) for each stride, in any order; suppressed.

    The arithmetic of OpenCV's FaceDetectorYN: the score is the root of both scores' product, a box is its centre's
    offset from the cell and the logarithms of its sides, all in strides. `extras` are x, y of the five points.

    Raises:
        UnsupportedOutputs: other shapes.
    """
    boxes, scores, points = zip(*(_cells(outputs, network_wh, stride, confidence) for stride in STRIDES), strict=True)
    found = NetworkBoxes(
        np.concatenate(boxes), np.concatenate(scores), np.zeros(sum(map(len, scores)), np.intp), np.concatenate(points)
    )
    best = np.argsort(-found.scores, kind="stable")[:MAX_CANDIDATES]
    kept = best[suppress(found.boxes_xyxy[best], found.scores[best], found.class_ids[best], iou, max_detections)]
    return NetworkBoxes(found.boxes_xyxy[kept], found.scores[kept], found.class_ids[kept], found.extras[kept])


def _cells(
    outputs: Sequence[Floats], network_wh: tuple[int, int], stride: int, confidence: float
) -> tuple[Floats, Floats, Floats]:
    """Boxes (n, 4), scores (n,) and points (n, 10) of one stride's cells that score above `confidence`."""
    columns, rows = network_wh[0] // stride, network_wh[1] // stride
    face, thing, box, points = _of_one_stride(outputs, columns * rows)
    scores = np.sqrt(np.clip(face[:, 0], 0, 1) * np.clip(thing[:, 0], 0, 1))
    finite = np.isfinite(box).all(axis=1) & np.isfinite(points).all(axis=1)
    kept = np.flatnonzero((scores > confidence) & finite)
    cell = np.stack([kept % columns, kept // columns], axis=1).astype(np.float32)
    centre = (cell + box[kept, :2]) * stride
    half = np.exp(np.minimum(box[kept, 2:], 20)) * stride / 2
    placed = (points[kept].reshape(-1, POINTS, 2) + cell[:, None]) * stride
    return np.concatenate([centre - half, centre + half], axis=1), scores[kept], placed.reshape(-1, 2 * POINTS)


def _of_one_stride(outputs: Sequence[Floats], cells: int) -> list[Floats]:
    found = sorted((each[0] for each in outputs if each.shape[:2] == (1, cells)), key=lambda each: each.shape[-1])
    if len(outputs) != len(STRIDES) * len(_WIDTHS) or tuple(each.shape[-1] for each in found) != _WIDTHS:
        shapes = ", ".join(str(each.shape) for each in outputs)
        raise UnsupportedOutputs(
            f"expected (1, {cells}, n) with n of 1, 1, 4 and 10 among a yunet head's outputs, got {shapes[:300]}"
        )
    return found
