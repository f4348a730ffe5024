"""How good a version is on a dataset's test split, run as it is served: figures, tables by class, curves."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import supervision as sv
from supervision.metrics import F1Score, MeanAveragePrecision, Precision, Recall

from registry.runtime.card import Task
from registry.runtime.vision_model import VisionModel
from registry.training.average_precision import AveragePrecision
from registry.training.datasets import annotations
from registry.training.datasets.sample import Dataset, Sample
from registry.training.finetune.precision_recall import Curve, curve_of, ranked_boxes, ranked_classes
from registry.training.similarity import mask_similarity, packed_outlines
from registry.vision.images import decode_image

_ALL_CONFIDENCES = 0.001  # average precision is taken over every threshold
_IOU = 0.5
NOTHING = "nothing"  # the last row and column of a detector's confusion matrix


@dataclass(frozen=True, slots=True)
class Measured:
    """What a version is worth on a test split.

    `figures` by name, `classes` a row for each class that the split has, `confusion` (labels, labels) with the truth
    in rows; a detector's has one more row and column for what has no counterpart.
    """

    figures: dict[str, float]
    classes: list[dict[str, Any]]
    confusion: npt.NDArray[np.int64]
    confusion_labels: tuple[str, ...]
    curves: list[Curve]
    images: int
    objects: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe, curves left out."""
        return {
            "figures": self.figures,
            "classes": self.classes,
            "confusion": {"labels": list(self.confusion_labels), "counts": self.confusion.tolist()},
            "images": self.images,
            "objects": self.objects,
        }


@dataclass(frozen=True, slots=True)
class TestSplit:
    """The pictures to measure on; `class_ids` maps the dataset's classes to the model's outputs."""

    folder: Path
    dataset: Dataset
    class_ids: Sequence[int]
    samples: list[Sample] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", [each for each in self.dataset.samples if each.split == "test"])

    def image(self, sample: Sample) -> npt.NDArray[np.uint8]:
        """A sample's picture, upright, BGR."""
        return decode_image((self.folder / annotations.IMAGES / sample.file).read_bytes())

    def truth(self, sample: Sample, *, masks: bool) -> sv.Detections:
        """A sample's objects; with `masks` those that have outlines."""
        items = [each for each in sample.objects if each.polygons or not masks]
        boxes = np.array([each.box for each in items], np.float32).reshape(-1, 4)
        ids = np.array([self.class_ids[each.class_id] for each in items], int)
        if not masks:
            return sv.Detections(boxes, class_id=ids)
        outlines = packed_outlines([each.polygons for each in items], (sample.width, sample.height))
        return sv.Detections(boxes, class_id=ids, mask=outlines)


def measure(model: VisionModel, split: TestSplit, check: Callable[[int, int], None]) -> Measured:
    """Run the model on every picture of the split. `check(done, total)` is called for each and may raise."""
    if model.card.task is Task.CLASSIFY:
        return _measure_classifier(model, split, check)
    return _measure_detector(model, split, check, masks=model.card.task is Task.SEGMENT)


def _measure_detector(
    model: VisionModel, split: TestSplit, check: Callable[[int, int], None], *, masks: bool
) -> Measured:
    found: list[sv.Detections] = []
    truths: list[sv.Detections] = []
    by_mask = AveragePrecision()
    for sample in _counted(split, check):
        answer = model.predict(split.image(sample), confidence=_ALL_CONFIDENCES).detections
        truth = split.truth(sample, masks=masks)
        answer = answer if answer is not None else sv.Detections.empty()
        if masks:
            by_mask.update(mask_similarity(truth.mask, answer), answer, truth.class_id)
        found.append(_boxes(answer))
        truths.append(_boxes(truth))
    labels, threshold = model.card.labels, model.card.thresholds.confidence
    figures, rows = _box_figures(found, truths, labels, threshold)
    if masks:
        by_mask_figures = {"mask mAP50": by_mask.at_50(), "mask mAP50-95": by_mask.at_50_95()}
        figures |= {name: _figure(value) for name, value in by_mask_figures.items()}
    matrix = sv.ConfusionMatrix.from_detections(
        found, truths, classes=list(labels), conf_threshold=threshold, iou_threshold=_IOU
    ).matrix
    ranked = ranked_boxes(found, truths, len(labels), _IOU)
    return Measured(
        figures=figures,
        classes=rows,
        confusion=np.asarray(matrix, np.int64),
        confusion_labels=(*labels, NOTHING),
        curves=[curve_of(label, *each) for label, each in zip(labels, ranked, strict=True) if each.positives],
        images=len(truths),
        objects=sum(map(len, truths)),
    )


def _box_figures(
    found: list[sv.Detections], truths: list[sv.Detections], labels: Sequence[str], threshold: float
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    average = MeanAveragePrecision().update(found, truths).compute()
    sure = [each[np.asarray(each.confidence) >= threshold] if len(each) else each for each in found]
    precision, recall, f1 = (metric().update(sure, truths).compute() for metric in (Precision, Recall, F1Score))
    counted = np.bincount(np.concatenate([each.class_id for each in truths]).astype(int), minlength=len(labels))
    parts = {
        "AP50": _by_class(average.matched_classes, average.ap_per_class[:, 0]),
        "AP50-95": _by_class(average.matched_classes, average.ap_per_class.mean(axis=1)),
        "precision": _by_class(precision.matched_classes, precision.precision_per_class[:, 0]),
        "recall": _by_class(recall.matched_classes, recall.recall_per_class[:, 0]),
        "F1": _by_class(f1.matched_classes, f1.f1_per_class[:, 0]),
    }
    rows = [
        {"class": label, "objects": int(counted[index])}
        | {name: round(values.get(index, 0.0), 4) for name, values in parts.items()}
        for index, label in enumerate(labels)
        if counted[index]
    ]
    figures = {
        "mAP50": float(average.map50),
        "mAP50-95": float(average.map50_95),
        "precision": float(precision.precision_scores[0]),
        "recall": float(recall.recall_scores[0]),
        "F1": float(f1.f1_scores[0]),
    }
    return {name: _figure(value) for name, value in figures.items()}, rows


def _measure_classifier(model: VisionModel, split: TestSplit, check: Callable[[int, int], None]) -> Measured:
    labels = model.card.labels
    truths: list[int] = []
    scores: list[npt.NDArray[np.float64]] = []
    for sample in _counted(split, check):
        if sample.label is None:
            continue
        row = np.zeros(len(labels))
        for each in model.predict(split.image(sample), confidence=0.0, max_detections=len(labels)).classes or ():
            row[each.class_id] = each.score
        truths.append(split.class_ids[sample.label])
        scores.append(row)
    truth, score = np.array(truths, int), np.array(scores).reshape(-1, len(labels))
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(confusion, (truth, score.argmax(axis=1)), 1)
    rank = (score > score[np.arange(len(truth)), truth][:, None]).sum(axis=1)
    figures = {"accuracy": float((rank == 0).mean()), "top5 accuracy": float((rank < 5).mean())}
    rows = _class_rows(confusion, labels)
    figures["macro F1"] = float(np.mean([row["F1"] for row in rows]))
    ranked = ranked_classes(truth, score)
    return Measured(
        figures={name: _figure(value) for name, value in figures.items()},
        classes=rows,
        confusion=confusion,
        confusion_labels=labels,
        curves=[curve_of(label, *each) for label, each in zip(labels, ranked, strict=True) if each.positives],
        images=len(truth),
        objects=len(truth),
    )


def _class_rows(confusion: npt.NDArray[np.int64], labels: Sequence[str]) -> list[dict[str, Any]]:
    right, real, said = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    rows = []
    for index, label in enumerate(labels):
        if not real[index]:
            continue
        precision = right[index] / said[index] if said[index] else 0.0
        recall = right[index] / real[index]
        both = precision + recall
        f1 = 2 * precision * recall / both if both else 0.0
        row = {"precision": precision, "recall": recall, "F1": f1}
        rows.append(
            {"class": label, "objects": int(real[index])} | {k: round(float(v), 4) for k, v in row.items()},
        )
    return rows


def _counted(split: TestSplit, check: Callable[[int, int], None]) -> Iterator[Sample]:
    for index, sample in enumerate(split.samples):
        check(index, len(split.samples))
        yield sample


def _boxes(found: sv.Detections) -> sv.Detections:
    """Without names and masks, which not every metric takes."""
    return sv.Detections(found.xyxy, confidence=found.confidence, class_id=found.class_id)


def _by_class(classes: npt.NDArray[np.int64], values: npt.NDArray[np.float64]) -> dict[int, float]:
    pairs = zip(classes, values, strict=True)
    return {int(label): max(float(value), 0.0) for label, value in pairs}


def _figure(value: float) -> float:
    """Rounded; -1, by which supervision means that there is nothing to measure, becomes 0."""
    return round(max(float(value), 0.0), 4)
