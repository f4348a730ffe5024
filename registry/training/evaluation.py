"""How good a model is on held-out pictures, run as it is served."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import supervision as sv
from supervision.metrics import MeanAveragePrecision

from registry.runtime.vision_model import VisionModel
from registry.training.digits import Digits
from registry.training.glyphs import plain_glyphs, varied_glyphs
from registry.training.scene_folder import LabelledImage

_ALL_CONFIDENCES = 0.001  # average precision is taken over every threshold
_VARIATION_SEED = 0


@dataclass(frozen=True)
class DetectorScores:
    """COCO average precision (101 points), each in 0 to 1; `ap50` by label."""

    map50: float
    map50_95: float
    ap50: dict[str, float]
    scenes: int
    objects: int


@dataclass(frozen=True)
class ClassifierScores:
    """Shares of correctly read digits, plain and varied in ink, ground and pose; `recall` by label.

    `confusion` (labels, labels) counts the plain digits: rows are the truth, columns the answers.
    """

    accuracy: float
    accuracy_varied: float
    recall: dict[str, float]
    confusion: npt.NDArray[np.int64]


def evaluate_detector(model: VisionModel, images: Iterable[LabelledImage]) -> DetectorScores:
    """Scores of a detector whose card names the labels."""
    metric = MeanAveragePrecision()
    scenes = objects = 0
    for image in images:
        found = model.predict(image.image_bgr, confidence=_ALL_CONFIDENCES).detections
        truth = sv.Detections(image.boxes_xyxy, class_id=image.labels.astype(int))
        metric.update(found if found is not None else sv.Detections.empty(), truth)
        scenes, objects = scenes + 1, objects + len(truth)
    result = metric.compute()
    ap50 = zip(result.matched_classes, result.ap_per_class[:, 0], strict=True)
    return DetectorScores(
        map50=float(result.map50),
        map50_95=float(result.map50_95),
        ap50={model.card.labels[int(label)]: float(value) for label, value in ap50},
        scenes=scenes,
        objects=objects,
    )


def evaluate_classifier(model: VisionModel, digits: Digits) -> ClassifierScores:
    """Scores of a classifier of single digits."""
    confusion = _confusion(model, plain_glyphs(digits), digits)
    varied = _confusion(model, varied_glyphs(digits, np.random.default_rng(_VARIATION_SEED)), digits)
    recall = confusion.diagonal() / confusion.sum(axis=1)
    return ClassifierScores(
        accuracy=float(confusion.trace() / confusion.sum()),
        accuracy_varied=float(varied.trace() / varied.sum()),
        recall=dict(zip(model.card.labels, recall.tolist(), strict=True)),
        confusion=confusion,
    )


def _confusion(model: VisionModel, glyphs: npt.NDArray[np.uint8], digits: Digits) -> npt.NDArray[np.int64]:
    count = len(model.card.labels)
    confusion = np.zeros((count, count), np.int64)
    for glyph, label in zip(glyphs, digits.labels, strict=True):
        classes = model.predict(np.repeat(glyph[..., None], 3, axis=2)).classes or ()
        confusion[label, classes[0].class_id] += 1
    return confusion
