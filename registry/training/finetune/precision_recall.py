"""Precision against recall over every confidence, for each class."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import supervision as sv

from registry.training.average_precision import taken

_POINTS = 101
Floats = npt.NDArray[np.float64]


class Ranked(NamedTuple):
    """The answers that name a class: how sure (n,), whether right (n,), and how many there were to find."""

    scores: Floats
    right: npt.NDArray[np.bool_]
    positives: int


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision at the recalls 0, 0.01 … 1, the best that is had from there on, and the confidence that gives it."""

    label: str
    precision: Floats
    confidence: Floats

    @property
    def recall(self) -> Floats:
        """Where the points stand."""
        return np.linspace(0, 1, _POINTS)


def curve_of(label: str, scores: Floats, right: npt.NDArray[np.bool_], positives: int) -> Curve:
    """The curve of ranked answers."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    recall = hits / max(positives, 1)
    precision = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
    at = np.searchsorted(recall, np.linspace(0, 1, _POINTS) - 1e-9)
    reached = at < len(recall)
    where = np.minimum(at, max(len(recall) - 1, 0))
    if not len(recall):
        return Curve(label, np.zeros(_POINTS), np.zeros(_POINTS))
    sure = scores[order]
    return Curve(label, np.where(reached, precision[where], 0.0), np.where(reached, sure[where], 0.0))


def ranked_boxes(found: list[sv.Detections], truths: list[sv.Detections], labels: int, iou: float) -> list[Ranked]:
    """Each class's boxes, the surest taking its object first, as COCO matches them."""
    scores: list[list[float]] = [[] for _ in range(labels)]
    right: list[list[bool]] = [[] for _ in range(labels)]
    positives = [0] * labels
    for answers, truth in zip(found, truths, strict=True):
        for label in range(labels):
            real = truth.xyxy[truth.class_id == label] if len(truth) else np.zeros((0, 4))
            positives[label] += len(real)
            mine = answers[answers.class_id == label] if len(answers) else answers
            if not len(mine):
                continue
            mine = mine[np.argsort(-np.asarray(mine.confidence), kind="stable")]
            scores[label] += np.asarray(mine.confidence, float).tolist()
            right[label] += taken(sv.box_iou_batch(real, mine.xyxy), iou).tolist()
    pairs = zip(scores, right, positives, strict=True)
    return [Ranked(np.array(s, float), np.array(r, bool), p) for s, r, p in pairs]


def ranked_classes(truth: npt.NDArray[np.int64], scores: Floats) -> list[Ranked]:
    """Each class against all others; `scores` (pictures, classes)."""
    return [Ranked(scores[:, label], truth == label, int((truth == label).sum())) for label in range(scores.shape[1])]
