"""How far two answers about one picture agree: objects and lines by place, classes by rank, vectors by angle."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import supervision as sv

from registry.errors import InvalidInput
from registry.runtime.prediction import Prediction

SAME_PLACE_IOU = 0.5  # boxes that overlap this much are taken for one object, as mAP50 does


@dataclass(frozen=True, slots=True)
class FoundDiff:
    """Objects, or lines of text, of a left and a right answer; numbers are positions in each.

    `same` has pairs at one place with one name, `renamed` pairs at one place with two. `mean_iou` is that of all
    pairs, `score_shift` the mean of right minus left over them; both are 0 without pairs.
    """

    same: tuple[tuple[int, int], ...]
    renamed: tuple[tuple[int, int], ...]
    only_left: tuple[int, ...]
    only_right: tuple[int, ...]
    mean_iou: float
    score_shift: float

    @property
    def differences(self) -> int:
        """How many of them the answers do not agree about."""
        return len(self.renamed) + len(self.only_left) + len(self.only_right)

    def to_dict(self) -> dict[str, Any]:
        """The counts."""
        return {
            "same": len(self.same),
            "renamed": len(self.renamed),
            "only_left": len(self.only_left),
            "only_right": len(self.only_right),
            "mean_iou": round(self.mean_iou, 4),
            "score_shift": round(self.score_shift, 4),
            "differences": self.differences,
        }


@dataclass(frozen=True, slots=True)
class ClassDiff:
    """Classes of two answers, in the left's order; a score is None where the class is not among the answer's best."""

    rows: tuple[tuple[str, float | None, float | None], ...]
    same_best: bool

    @property
    def differences(self) -> int:
        """1 if the best class differs."""
        return 0 if self.same_best else 1

    def to_dict(self) -> dict[str, Any]:
        """The best class's agreement, and each class with both scores."""
        rows = [{"label": label, "left": left, "right": right} for label, left, right in self.rows]
        return {"same_best": self.same_best, "classes": rows, "differences": self.differences}


@dataclass(frozen=True, slots=True)
class VectorDiff:
    """Two embeddings; `cosine` is None where their lengths differ."""

    cosine: float | None

    @property
    def differences(self) -> int:
        """1 unless they point the same way, to a thousandth."""
        return 0 if self.cosine is not None and self.cosine > 0.999 else 1

    def to_dict(self) -> dict[str, Any]:
        """The similarity."""
        return {"cosine": self.cosine, "differences": self.differences}


AnswerDiff = FoundDiff | ClassDiff | VectorDiff


def compare_answers(left: Prediction, right: Prediction, least_iou: float = SAME_PLACE_IOU) -> AnswerDiff:
    """Compare two answers about one picture. Raises InvalidInput for answers of different kinds."""
    if left.classes is not None and right.classes is not None:
        return _classes(left, right)
    if left.embedding is not None and right.embedding is not None:
        return _vectors(left.embedding, right.embedding)
    if (left.detections is None) != (right.detections is None) or (left.lines is None) != (right.lines is None):
        raise InvalidInput("the two answers are of different kinds", hint="Compare versions that answer one task.")
    return _found(_Found.of(left), _Found.of(right), least_iou)


@dataclass(frozen=True, slots=True)
class _Found:
    """What can be matched: (n, 4) boxes xyxy, n names, (n,) scores."""

    boxes_xyxy: npt.NDArray[np.float32]
    names: Sequence[str]
    scores: npt.NDArray[np.float32]

    @classmethod
    def of(cls, prediction: Prediction) -> "_Found":
        if prediction.lines is not None:
            boxes = np.array([line.box_xyxy for line in prediction.lines], np.float32).reshape(-1, 4)
            scores = np.array([line.score for line in prediction.lines], np.float32)
            return cls(boxes, [line.text for line in prediction.lines], scores)
        found = prediction.detections if prediction.detections is not None else sv.Detections.empty()
        names = found.data.get("class_name", found.class_id if found.class_id is not None else [])
        given = found.confidence if found.confidence is not None else np.zeros(len(found))
        return cls(found.xyxy.astype(np.float32), [str(name) for name in names], given.astype(np.float32))


def _found(left: _Found, right: _Found, least_iou: float) -> FoundDiff:
    pairs = _pairs(left, right, least_iou)
    same = tuple((i, j) for i, j, _ in pairs if left.names[i] == right.names[j])
    renamed = tuple((i, j) for i, j, _ in pairs if left.names[i] != right.names[j])
    shifts = [float(right.scores[j] - left.scores[i]) for i, j, _ in pairs]
    return FoundDiff(
        same,
        renamed,
        tuple(sorted(set(range(len(left.names))) - {i for i, _, _ in pairs})),
        tuple(sorted(set(range(len(right.names))) - {j for _, j, _ in pairs})),
        float(np.mean([iou for _, _, iou in pairs])) if pairs else 0.0,
        float(np.mean(shifts)) if shifts else 0.0,
    )


def _pairs(left: _Found, right: _Found, least_iou: float) -> list[tuple[int, int, float]]:
    """One-to-one pairs (left, right, IoU): of one name before of two, and the larger overlap first."""
    if not len(left.names) or not len(right.names):
        return []
    iou = sv.box_iou_batch(left.boxes_xyxy, right.boxes_xyxy)
    near = [(int(i), int(j), float(iou[i, j])) for i, j in np.argwhere(iou >= least_iou)]
    near.sort(key=lambda each: (left.names[each[0]] != right.names[each[1]], -each[2]))
    taken_left: set[int] = set()
    taken_right: set[int] = set()
    pairs = []
    for i, j, overlap in near:
        if i not in taken_left and j not in taken_right:
            taken_left.add(i)
            taken_right.add(j)
            pairs.append((i, j, overlap))
    return sorted(pairs)


def _classes(left: Prediction, right: Prediction) -> ClassDiff:
    first, second = ({each.label: each.score for each in side.classes or ()} for side in (left, right))
    rows = tuple((label, first.get(label), second.get(label)) for label in {**first, **second})
    return ClassDiff(rows, next(iter(first), None) == next(iter(second), None))


def _vectors(left: npt.NDArray[np.float32], right: npt.NDArray[np.float32]) -> VectorDiff:
    return VectorDiff(float(np.dot(left, right)) if left.shape == right.shape else None)
