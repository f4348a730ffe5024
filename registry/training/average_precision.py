"""Average precision over shapes of any kind: masks, key points, whatever two of them can be likened by."""

from collections import defaultdict

import numpy as np
import numpy.typing as npt
import supervision as sv

IOUS = np.linspace(0.5, 0.95, 10)  # as in COCO's primary metric
_RECALLS = np.linspace(0.0, 1.0, 101)

Floats = npt.NDArray[np.floating]
Integers = npt.NDArray[np.integer]


class AveragePrecision:
    """COCO average precision (101 points) of what is told picture by picture; nothing but scores is kept of one.

    Each found object, the surest first, takes the labelled object of its class, not yet taken, that it is most like.
    """

    def __init__(self) -> None:
        self._scores: dict[int, list[Floats]] = defaultdict(list)
        self._right: dict[int, list[npt.NDArray[np.bool_]]] = defaultdict(list)
        self._labelled: dict[int, int] = defaultdict(int)

    def update(self, alike: Floats, found: sv.Detections, true_ids: Integers) -> None:
        """One picture: how similar are (labelled, found), 0 to 1; what was found; the class ids of what is labelled."""
        nothing = np.zeros(len(found))
        scores = np.asarray(nothing if found.confidence is None else found.confidence)
        found_ids = np.asarray(nothing if found.class_id is None else found.class_id, int)
        for label in {*found_ids.tolist(), *true_ids.tolist()}:
            mine, real = np.flatnonzero(found_ids == label), np.flatnonzero(true_ids == label)
            mine = mine[np.argsort(-scores[mine], kind="stable")]
            self._labelled[label] += len(real)
            self._scores[label].append(scores[mine])
            of_class = alike[np.ix_(real, mine)]
            self._right[label].append(np.stack([taken(of_class, least) for least in IOUS], axis=1))

    def by_class(self) -> dict[int, Floats]:
        """For each class that something is labelled with: the average precision at each of `IOUS`."""
        return {label: self._of(label) for label, count in sorted(self._labelled.items()) if count}

    def at_50(self) -> float:
        """mAP50, 0 to 1; 0 where nothing is labelled."""
        return float(np.mean([each[0] for each in self.by_class().values()] or [0.0]))

    def at_50_95(self) -> float:
        """mAP50-95, 0 to 1; 0 where nothing is labelled."""
        return float(np.mean([each.mean() for each in self.by_class().values()] or [0.0]))

    def _of(self, label: int) -> Floats:
        scores = np.concatenate(self._scores[label])
        right = np.concatenate(self._right[label])[np.argsort(-scores, kind="stable")]
        if not len(right):
            return np.zeros(len(IOUS))
        hits = np.cumsum(right, axis=0)
        recall = hits / self._labelled[label]
        precision = hits / np.arange(1, len(hits) + 1)[:, None]
        best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
        columns = zip(recall.T, best_from_here.T, strict=True)
        return np.array([_area(*column) for column in columns])


def taken(alike: Floats, least: float) -> npt.NDArray[np.bool_]:
    """(found,): whether each found object, in the order of the columns of (labelled, found), takes a labelled one."""
    free = np.ones(len(alike), bool)
    right = np.zeros(alike.shape[1], bool)
    if not len(alike):
        return right
    for number, column in enumerate(alike.T):
        best = int(np.where(free, column, -1.0).argmax())
        right[number] = free[best] and column[best] >= least
        free[best] &= not right[number]
    return right


def _area(recall: Floats, precision: Floats) -> float:
    at = np.searchsorted(recall, _RECALLS)
    return float(np.append(precision, 0.0)[at].mean())
