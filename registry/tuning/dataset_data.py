"""A version of a registered dataset as labelled pictures to tune on."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from registry.access import Actor
from registry.errors import InvalidInput
from registry.runtime.card import ModelCard, Task
from registry.training.datasets.annotations import IMAGES
from registry.training.datasets.catalogue import Datasets
from registry.training.datasets.reference import parse_reference
from registry.training.datasets.sample import Sample
from registry.training.scene_folder import LabelledImage
from registry.tuning.data import CALIBRATION_MOST, HELD_OUT_MOST, STARTER, TuningData, check_task, decoded, open_data


def open_registered(datasets: Datasets, actor: Actor, reference: str, card: ModelCard) -> TuningData:
    """The pictures of `starter`, or of a dataset called `name` (its newest version) or `name/version`.

    Calibration takes the training split, judging the test split or else the validation split. Raises InvalidInput
    where a split is missing or a class is none of the model's, DatasetNotFound, VersionNotFound, StorageUnavailable.
    """
    check_task(card)
    if not reference or reference == STARTER:
        return open_data(reference or None, card)
    name, number = parse_reference(reference)
    version = datasets.version(actor, name, number)
    opened = datasets.open(actor, name, version.number)
    if opened.dataset.task.value not in _teaches(card):
        raise InvalidInput(f"dataset {name!r} is for task {opened.dataset.task.value}, this model answers {card.task}")
    ids = _class_ids(opened.dataset.classes, card, name)
    splits = {split: opened.select(split=split) for split in ("train", "val", "test")}
    held_out = splits["test"] or splits["val"]
    if not splits["train"] or not held_out:
        raise InvalidInput(
            f"version {version.number} of dataset {name!r} has no {'test' if splits['train'] else 'train'} split",
            hint="Divide it first: the Datasets page and `nexusai datasets split` do it without leakage.",
        )
    read = _reader(opened.folder / IMAGES, ids)
    return TuningData(
        f"{name}/{version.number}",
        version.sha256[:12],
        _some(splits["train"], CALIBRATION_MOST, read),
        _some(held_out, HELD_OUT_MOST, read),
    )


def _teaches(card: ModelCard) -> tuple[str, ...]:
    return ("classify",) if card.task is Task.CLASSIFY else ("detect", "segment", "pose")


def _class_ids(classes: Sequence[str], card: ModelCard, name: str) -> list[int]:
    """The model's id of each class of the dataset."""
    unknown = [each for each in classes if each not in card.labels]
    if unknown:
        raise InvalidInput(
            f"dataset {name!r} has the class {unknown[0][:40]!r}, which is none of the model's",
            hint=f"The model knows {', '.join(card.labels[:12])}.",
        )
    return [card.labels.index(each) for each in classes]


def _some(
    samples: Sequence[Sample], most: int, read: Callable[[Sample], LabelledImage]
) -> Callable[[], Iterator[LabelledImage]]:
    """Every so many of all, so that no class is left out because of its name."""
    step = max(1, -(-len(samples) // most))
    return lambda: (read(sample) for sample in samples[::step])


def _reader(folder: Path, ids: Sequence[int]) -> Callable[[Sample], LabelledImage]:
    def read(sample: Sample) -> LabelledImage:
        image_bgr = decoded(folder / sample.file)
        boxes = np.array([each.box for each in sample.objects], np.float32).reshape(-1, 4)
        labels = np.array([ids[each] for each in sample.class_ids], np.int64)
        return LabelledImage(image_bgr, boxes, labels)

    return read
