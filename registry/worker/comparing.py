"""Where two models see a picture differently."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import supervision as sv

SURE, FAINT = 0.5, 0.25  # seen for sure by one, and not even faintly by the other
SAME_PLACE = 0.5  # intersection over union


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One object; box xyxy in pixels. An empty label: that model saw nothing there."""

    box: tuple[float, float, float, float]
    ours: str
    theirs: str
    score: float

    @property
    def says(self) -> str:
        """In words."""
        return f"{self.theirs or 'nothing'} instead of {self.ours or 'nothing'}"


def disagreements(ours: sv.Detections, theirs: sv.Detections) -> list[Disagreement]:
    """What one of two models is sure of and the other misses or calls differently, the surest first."""
    one, two = _above(ours), _above(theirs)
    overlap = sv.box_iou_batch(one.xyxy, two.xyxy) if len(one) and len(two) else np.zeros((len(one), len(two)))
    found = [*_unmatched(one, two, overlap, is_ours=True), *_unmatched(two, one, overlap.T, is_ours=False)]
    return sorted(found, key=lambda each: -each.score)


def _unmatched(mine: sv.Detections, other: sv.Detections, overlap: np.ndarray, *, is_ours: bool) -> list[Disagreement]:
    names, other_names = _names(mine), _names(other)
    scores = _scores(mine)
    found = []
    for row in np.flatnonzero(scores >= SURE).tolist():
        there = np.flatnonzero(overlap[row] >= SAME_PLACE).tolist()
        called = [other_names[column] for column in there]
        if names[row] in called or (called and not is_ours):  # a different name is told once, by ours
            continue
        box = (float(mine.xyxy[row][0]), float(mine.xyxy[row][1]), float(mine.xyxy[row][2]), float(mine.xyxy[row][3]))
        theirs = called[int(np.argmax(overlap[row][there]))] if called else ""
        ours, theirs = (names[row], theirs) if is_ours else ("", names[row])
        found.append(Disagreement(box, ours, theirs, float(scores[row])))
    return found


def _above(detections: sv.Detections) -> sv.Detections:
    if not len(detections):
        return sv.Detections.empty()
    chosen = detections[_scores(detections) >= FAINT]
    return chosen if isinstance(chosen, sv.Detections) else sv.Detections.empty()


def _scores(detections: sv.Detections) -> np.ndarray:
    scores = detections.confidence
    return np.ones(len(detections), np.float32) if scores is None else np.asarray(scores)


def _names(detections: sv.Detections) -> Sequence[str]:
    names = detections.data.get("class_name")
    return [""] * len(detections) if names is None else [str(name) for name in names]
