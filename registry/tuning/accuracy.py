"""How right a way to run a model is, by its task's own metric."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

from registry.errors import InvalidInput
from registry.runtime.card import Task
from registry.runtime.vision_model import VisionModel
from registry.training.evaluation import evaluate_detector
from registry.training.scene_folder import LabelledImage
from registry.tuning.shaped import ShapedImage, evaluate_shapes
from registry.tuning.watch import Watch

METRICS = {
    Task.DETECT: "mAP50-95",
    Task.SEGMENT: "mask mAP50-95",
    Task.POSE: "pose mAP50-95",
    Task.CLASSIFY: "top-1",
}


def metric_key(metric: str) -> str:
    """What a metric is called among a card's figures: `mask_map50_95`."""
    return metric.replace("-", "_").replace(" ", "_").lower()


def accuracy(model: VisionModel, images: Iterable[LabelledImage], watch: Watch) -> float:
    """Its task's of `METRICS`, 0 to 1: top-1 is the share of right best classes. Raises Cancelled."""
    return scores(model, images, watch).overall


@dataclass(frozen=True, slots=True)
class Scores:
    """The task's own metric, and by label the AP50 or, of a classifier, the share of right best classes."""

    overall: float
    by_label: dict[str, float]

    def worst_loss(self, other: "Scores") -> tuple[str, float]:
        """The label at which another model is worst beside this one, and by how much; empty and 0 for none."""
        losses = {label: value - other.by_label.get(label, 0.0) for label, value in self.by_label.items()}
        label = max(losses, key=losses.__getitem__, default="")
        return (label, losses[label]) if label and losses[label] > 0 else ("", 0.0)


def scores(model: VisionModel, images: Iterable[LabelledImage], watch: Watch) -> Scores:
    """As `accuracy`, and by label. Raises Cancelled, InvalidInput."""
    watched = _watched(images, watch)
    if model.card.task is Task.DETECT:
        found = evaluate_detector(model, watched)
        return Scores(found.map50_95, found.ap50)
    if model.card.task is not Task.CLASSIFY:
        average = evaluate_shapes(model, cast("Iterable[ShapedImage]", watched))
        ap50 = {model.card.labels[label]: float(each[0]) for label, each in average.by_class().items()}
        return Scores(average.at_50_95(), ap50)
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for image in watched:
        label = model.card.labels[int(image.labels[0])]
        classes = model.predict(image.image_bgr).classes or ()
        total[label] += 1
        right[label] += bool(classes) and classes[0].label == label
    if not total:
        raise InvalidInput("the held-out split has no pictures")
    return Scores(right.total() / total.total(), {label: right[label] / count for label, count in total.items()})


def _watched(images: Iterable[LabelledImage], watch: Watch) -> Iterator[LabelledImage]:
    for image in images:
        watch.check()
        yield image
