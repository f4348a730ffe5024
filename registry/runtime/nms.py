"""Non-maximum suppression of boxes with scores and classes, greedy by score."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]

_BLOCK = 128
_CLASS_SHIFT = 7680.0  # px; the class offset of Ultralytics' non_max_suppression (max_wh)
MAX_CANDIDATES = 30_000  # likewise its max_nms


def suppress(boxes_xyxy: Floats, scores: Floats, class_ids: Indices, iou: float, max_detections: int) -> Indices:
    """Indices of the boxes that stay, best first, at most `max_detections`. Mutates nothing.

    A box goes when its intersection over union with a better one of the same class exceeds `iou`. Same answer as
    Ultralytics' `non_max_suppression` (one label a box, not class-agnostic): classes are kept apart by shifting
    them, the 30,000 best candidates take part, ties keep their order.
    """
    order = np.argsort(-scores, kind="stable")[:MAX_CANDIDATES]
    boxes = boxes_xyxy[order]
    shift = max(_CLASS_SHIFT, float(np.ceil(boxes.max(initial=0.0))))
    boxes = boxes + (class_ids[order, None] * np.float32(shift)).astype(np.float32)
    kept = np.empty(0, np.intp)
    for start in range(0, len(order), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(order)))
        if len(kept):
            block = block[~(box_iou(boxes[block], boxes[kept]) > iou).any(axis=1)]
        kept = np.concatenate([kept, block[_greedy(box_iou(boxes[block], boxes[block]) > iou)]])
        if len(kept) >= max_detections:
            break
    return order[kept[:max_detections]]


def box_iou(first_xyxy: Floats, second_xyxy: Floats) -> Floats:
    """Intersection over union of (n, 4) with (m, 4) boxes: (n, m), NaN between boxes without an area."""
    a, b = first_xyxy.T[:, :, None], second_xyxy.T[:, None, :]
    width = np.minimum(a[2], b[2]) - np.maximum(a[0], b[0])
    height = np.minimum(a[3], b[3]) - np.maximum(a[1], b[1])
    np.maximum(width, 0, out=width)
    np.maximum(height, 0, out=height)
    overlap = np.multiply(width, height, out=width)
    union: Floats = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    np.subtract(union, overlap, out=union)
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(overlap, union, out=union)
    return union


def _greedy(overlapping: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which of n boxes, best first, stay, from their (n, n) overlap table."""
    alive = np.ones(len(overlapping), np.bool_)
    for index in np.flatnonzero(overlapping.sum(axis=1) > 1):
        if alive[index]:
            alive[index + 1 :] &= ~overlapping[index, index + 1 :]
    return alive
