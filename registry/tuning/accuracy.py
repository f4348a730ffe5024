"""How right a way to run a model is, by its task's own metric."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from registry.errors import InvalidInput
from registry.runtime.card import Task
from registry.runtime.vision_model import VisionModel
from registry.training.evaluation import evaluate_detector
from registry.training.scene_folder import LabelledImage
from registry.tuning.watch import Watch

METRICS = {Task.DETECT: "mAP50-95", Task.CLASSIFY: "top-1"}


def accuracy(model: VisionModel, images: Iterable[LabelledImage], watch: Watch) -> float:
    """mAP50-95 of a detector, the share of right best classes of a classifier: 0 to 1. Raises Cancelled."""
    return scores(model, images, watch).overall


@dataclass(frozen=True, slots=True)
class Scores:
    """The task's own metric, and by label the AP50 of a detector, the share of right best classes of a classifier."""

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
