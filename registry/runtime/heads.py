"""Raw output tensors to boxes, classes, scores and vectors, one function for each decoder of the card."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from registry.errors import UnsupportedOutputs
from registry.runtime.nms import MAX_CANDIDATES, Floats, Indices, suppress


@dataclass(frozen=True, slots=True)
class NetworkBoxes:
    """Detections in network pixels, best first: boxes (n, 4) xyxy float32, scores (n,) in [0, 1], class ids (n,).

    `extras` (n, e) is what the head says beyond a box: mask coefficients, key points, or nothing (e = 0).
    """

    boxes_xyxy: Floats
    scores: Floats
    class_ids: Indices
    extras: Floats


def decode_yolo(output: Floats, confidence: float, iou: float, max_detections: int, extras: int = 0) -> NetworkBoxes:
    """(1, 4 + labels + extras, anchors): centre-x, centre-y, width, height, label scores, extras; after suppression.

    A box stays when its best label scores above `confidence`; what is not finite is dropped. Anchors are filtered
    before anything else is computed, so that the usual image costs one pass over the scores.

    Raises:
        UnsupportedOutputs: another shape.
    """
    rows, labels_end, best = yolo_rows(output, extras)
    anchors = np.flatnonzero(best > confidence)
    if len(anchors) > MAX_CANDIDATES:
        anchors = anchors[np.argsort(-best[anchors], kind="stable")[:MAX_CANDIDATES]]
    centre_wh = rows[:4, anchors].T
    half = centre_wh[:, 2:] / 2
    boxes = np.concatenate([centre_wh[:, :2] - half, centre_wh[:, :2] + half], axis=1)
    beyond_box = rows[labels_end:, anchors].T
    finite = np.isfinite(boxes).all(axis=1) & np.isfinite(beyond_box).all(axis=1)
    boxes, anchors, beyond_box = boxes[finite], anchors[finite], beyond_box[finite]
    class_ids = np.ascontiguousarray(rows[4:labels_end, anchors].T).argmax(axis=1)
    scores = best[anchors]
    kept = suppress(boxes, scores, class_ids, iou, max_detections)
    return NetworkBoxes(boxes[kept], scores[kept], class_ids[kept], beyond_box[kept])


def decode_yolo_nms(output: Floats, confidence: float, max_detections: int, extras: int = 0) -> NetworkBoxes:
    """(1, n, 6 + extras) of x1, y1, x2, y2, score, class, extras that the graph has suppressed already, best first.

    Rows at or below `confidence` (the padding among them) and rows that are not finite are dropped.

    Raises:
        UnsupportedOutputs: another shape.
    """
    rows = yolo_nms_rows(output, extras)
    rows = rows[(rows[:, 4] > confidence) & np.isfinite(rows).all(axis=1)]
    rows = rows[np.argsort(-rows[:, 4], kind="stable")[:max_detections]]
    return NetworkBoxes(rows[:, :4], rows[:, 4], rows[:, 5].astype(np.intp), rows[:, 6:])


def yolo_above(output: Floats, confidence: float, extras: int = 0) -> Floats:
    """A yolo head's output with only the anchors whose best label scores above `confidence`, in their order.

    Raises UnsupportedOutputs.
    """
    _, _, best = yolo_rows(output, extras)
    kept: Floats = output[:, :, best > confidence]
    return kept


def yolo_nms_above(output: Floats, confidence: float, extras: int = 0) -> Floats:
    """A yolo-nms head's output with only the rows above `confidence`. Raises UnsupportedOutputs."""
    kept: Floats = output[:, yolo_nms_rows(output, extras)[:, 4] > confidence]
    return kept


def yolo_rows(output: Floats, extras: int) -> tuple[Floats, int, Floats]:
    """The (values, anchors), the row after the labels' last, and each anchor's best score."""
    if output.ndim != 3 or output.shape[0] != 1 or output.shape[1] < 5 + extras:
        beyond = f" + {extras}" if extras else ""
        raise UnsupportedOutputs(f"expected (1, 4 + labels{beyond}, anchors) from a yolo head, got {output.shape}")
    rows = output[0]
    labels_end = rows.shape[0] - extras
    return rows, labels_end, rows[4:labels_end].max(axis=0)


def yolo_nms_rows(output: Floats, extras: int) -> Floats:
    if output.ndim != 3 or output.shape[0] != 1 or output.shape[2] != 6 + extras:
        raise UnsupportedOutputs(f"expected (1, n, {6 + extras}) from a yolo-nms head, got {output.shape}")
    rows: Floats = output[0]
    return rows


def decode_probabilities(output: Floats) -> Floats:
    """(1, labels) of probabilities, trailing axes of size 1 allowed, to (labels,) in [0, 1].

    Raises:
        UnsupportedOutputs: another shape, or values that are not finite.
    """
    return np.clip(_vector(output, "(1, labels) from a classifier"), 0, 1)


def decode_logits(output: Floats) -> Floats:
    """(1, labels) of logits to (labels,) probabilities by a softmax that cannot overflow.

    Raises:
        UnsupportedOutputs: another shape, or values that are not finite.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        powers = np.exp(output - output.max(initial=-np.inf))
        return decode_probabilities(powers / powers.sum())


def decode_embedding(output: Floats) -> Floats:
    """(1, d), trailing axes of size 1 allowed, to a new (d,) of length 1.

    Raises:
        UnsupportedOutputs: another shape, values that are not finite, or all zeros, which point nowhere.
    """
    vector = _vector(output, "(1, d) from an embedder").astype(np.float64)
    length = np.linalg.norm(vector)
    if not length:
        raise UnsupportedOutputs("the embedder answered zeros only")
    return (vector / length).astype(np.float32)


def _vector(output: Floats, expected: str) -> Floats:
    flat = output.reshape(-1)
    if output.ndim < 2 or output.shape[0] != 1 or output.shape[1] != len(flat) or not len(flat):
        raise UnsupportedOutputs(f"expected {expected}, got {output.shape}")
    if not np.isfinite(flat).all():
        raise UnsupportedOutputs(f"expected {expected}, got values that are not finite")
    return flat


def top_classes(probabilities: Floats, count: int) -> npt.NDArray[np.intp]:
    """Class ids of the `count` highest probabilities, best first, ties by id."""
    return np.argsort(-probabilities, kind="stable")[:count]
