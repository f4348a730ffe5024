"""Raw output tensors to boxes, classes and scores, one function for each decoder of the card."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from registry.errors import UnsupportedOutputs
from registry.runtime.nms import MAX_CANDIDATES, Floats, Indices, suppress


@dataclass(frozen=True, slots=True)
class NetworkBoxes:
    """Detections in network pixels, best first: boxes (n, 4) xyxy float32, scores (n,) in [0, 1], class ids (n,)."""

    boxes_xyxy: Floats
    scores: Floats
    class_ids: Indices


def decode_yolo(output: Floats, confidence: float, iou: float, max_detections: int) -> NetworkBoxes:
    """(1, 4 + labels, anchors) of centre-x, centre-y, width, height and label scores, after suppression.

    A box stays when its best label scores above `confidence`; boxes that are not finite are dropped. Anchors are
    filtered before anything else is computed, so that the usual image costs one pass over the scores.

    Raises:
        UnsupportedOutputs: another shape.
    """
    if output.ndim != 3 or output.shape[0] != 1 or output.shape[1] < 5:
        raise UnsupportedOutputs(f"expected (1, 4 + labels, anchors) from a yolo head, got {output.shape}")
    rows = output[0]
    best = rows[4:].max(axis=0)
    anchors = np.flatnonzero(best > confidence)
    if len(anchors) > MAX_CANDIDATES:
        anchors = anchors[np.argsort(-best[anchors], kind="stable")[:MAX_CANDIDATES]]
    centre_wh = rows[:4, anchors].T
    half = centre_wh[:, 2:] / 2
    boxes = np.concatenate([centre_wh[:, :2] - half, centre_wh[:, :2] + half], axis=1)
    finite = np.isfinite(boxes).all(axis=1)
    boxes, anchors = boxes[finite], anchors[finite]
    class_ids = np.ascontiguousarray(rows[4:, anchors].T).argmax(axis=1)
    scores = best[anchors]
    kept = suppress(boxes, scores, class_ids, iou, max_detections)
    return NetworkBoxes(boxes[kept], scores[kept], class_ids[kept])


def decode_yolo_nms(output: Floats, confidence: float, max_detections: int) -> NetworkBoxes:
    """(1, n, 6) of x1, y1, x2, y2, score, class that the graph has suppressed already, best first.

    Rows at or below `confidence` (the padding among them) and rows that are not finite are dropped.

    Raises:
        UnsupportedOutputs: another shape.
    """
    if output.ndim != 3 or output.shape[0] != 1 or output.shape[2] != 6:
        raise UnsupportedOutputs(f"expected (1, n, 6) from a yolo-nms head, got {output.shape}")
    rows = output[0]
    rows = rows[(rows[:, 4] > confidence) & np.isfinite(rows).all(axis=1)]
    rows = rows[np.argsort(-rows[:, 4], kind="stable")[:max_detections]]
    return NetworkBoxes(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.intp))


def decode_probabilities(output: Floats) -> Floats:
    """(1, labels) of probabilities, trailing axes of size 1 allowed, to (labels,) in [0, 1].

    Raises:
        UnsupportedOutputs: another shape, or values that are not finite.
    """
    flat = output.reshape(-1)
    if output.ndim < 2 or output.shape[0] != 1 or output.shape[1] != len(flat) or not len(flat):
        raise UnsupportedOutputs(f"expected (1, labels) from a classifier, got {output.shape}")
    if not np.isfinite(flat).all():
        raise UnsupportedOutputs("the classifier answered values that are not finite")
    return np.clip(flat, 0, 1)


def decode_logits(output: Floats) -> Floats:
    """(1, labels) of logits to (labels,) probabilities by a softmax that cannot overflow.

    Raises:
        UnsupportedOutputs: another shape, or values that are not finite.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        powers = np.exp(output - output.max(initial=-np.inf))
        return decode_probabilities(powers / powers.sum())


def top_classes(probabilities: Floats, count: int) -> npt.NDArray[np.intp]:
    """Class ids of the `count` highest probabilities, best first, ties by id."""
    return np.argsort(-probabilities, kind="stable")[:count]
