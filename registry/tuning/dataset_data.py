"""A version of a registered dataset as labelled pictures to tune on."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from registry.access import Actor
from registry.errors import InvalidInput
from registry.jobs.tuning_parameters import STARTER
from registry.runtime.card import ModelCard, Task
from registry.training.datasets.annotations import IMAGES
from registry.training.datasets.catalogue import Datasets, DatasetSummary
from registry.training.datasets.reference import parse_reference
from registry.training.datasets.sample import DatasetTask, LabelledObject, Sample
from registry.training.scene_folder import LabelledImage
from registry.tuning.accuracy import METRICS
from registry.tuning.data import CALIBRATION_MOST, HELD_OUT_MOST, TuningData, check_task, decoded, open_data
from registry.tuning.shaped import OutlinedImage, PosedImage


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
    if opened.dataset.task not in teaches(card):
        raise InvalidInput(f"dataset {name!r} is for task {opened.dataset.task.value}, this model answers {card.task}")
    points = card.keypoint_shape[0] if card.keypoint_shape else 0
    if points and opened.dataset.keypoints != points:
        raise InvalidInput(
            f"the objects of dataset {name!r} have {opened.dataset.keypoints} key points, this model answers {points}"
        )
    ids = _class_ids(opened.dataset.classes, card, name)
    splits = {split: _labelled(opened.select(split=split), card) for split in ("train", "val", "test")}
    held_out = splits["test"] or splits["val"]
    if not splits["train"] or not held_out:
        raise InvalidInput(
            f"version {version.number} of dataset {name!r} has no {'test' if splits['train'] else 'train'} split",
            hint="Divide it first: the Datasets page and `nexusai datasets split` do it without leakage.",
        )
    read = _reader(opened.folder / IMAGES, ids, card)
    return TuningData(
        f"{name}/{version.number}",
        version.sha256[:12],
        _some(splits["train"], CALIBRATION_MOST, read),
        _some(held_out, HELD_OUT_MOST, read),
    )


def fits(datasets: Datasets, actor: Actor, summary: DatasetSummary, card: ModelCard) -> bool:
    """Whether the newest version of a dataset of the right task can judge a model: its classes, and its key points.

    Only for a model with key points is the version opened. Raises as `Datasets.open`.
    """
    if not set(summary.newest.classes) <= set(card.labels):
        return False
    if card.keypoint_shape is None:
        return True
    opened = datasets.open(actor, summary.record.name, summary.newest.number)
    return opened.dataset.keypoints == card.keypoint_shape[0]


def teaches(card: ModelCard) -> tuple[DatasetTask, ...]:
    """The tasks of datasets that tell what such a model has to answer; none where its accuracy is not measured."""
    if card.task is Task.DETECT:  # outlines and key points come with boxes
        return (DatasetTask.DETECT, DatasetTask.SEGMENT, DatasetTask.POSE)
    return (DatasetTask(card.task),) if card.task in METRICS else ()


def _class_ids(classes: Sequence[str], card: ModelCard, name: str) -> list[int]:
    """The model's id of each class of the dataset."""
    unknown = [each for each in classes if each not in card.labels]
    if unknown:
        raise InvalidInput(
            f"dataset {name!r} has the class {unknown[0][:40]!r}, which is none of the model's",
            hint=f"The model knows {', '.join(card.labels[:12])}.",
        )
    return [card.labels.index(each) for each in classes]


def _labelled(samples: Sequence[Sample], card: ModelCard) -> list[Sample]:
    """Without pictures whose class nobody has said; one without objects shows what is to be left alone."""
    return [each for each in samples if each.label is not None or card.task is not Task.CLASSIFY]


def _some(
    samples: Sequence[Sample], most: int, read: Callable[[Sample], LabelledImage]
) -> Callable[[], Iterator[LabelledImage]]:
    """Every so many of all, so that no class is left out because of its name."""
    step = max(1, -(-len(samples) // most))
    return lambda: (read(sample) for sample in samples[::step])


def _reader(folder: Path, ids: Sequence[int], card: ModelCard) -> Callable[[Sample], LabelledImage]:
    task = card.task

    def read(sample: Sample) -> LabelledImage:
        image_bgr = decoded(folder / sample.file)
        if task is Task.CLASSIFY:
            return LabelledImage(
                image_bgr, np.zeros((0, 4), np.float32), np.array([ids[each] for each in sample.class_ids])
            )
        known = [each for each in sample.objects if _is_known(each, task)]
        boxes = np.array([each.box for each in known], np.float32).reshape(-1, 4)
        labels = np.array([ids[each.class_id] for each in known], np.int64)
        if task is Task.SEGMENT:
            return OutlinedImage(image_bgr, boxes, labels, tuple(each.polygons for each in known))
        objects = LabelledImage(image_bgr, boxes, labels)
        if card.keypoint_shape is None:
            return objects
        points = np.array([each.keypoints for each in known], np.float32)
        return PosedImage.of(objects, points.reshape(len(known), card.keypoint_shape[0], 3))

    return read


def _is_known(item: LabelledObject, task: Task) -> bool:
    """Whether it has what such a model is judged by."""
    return bool({Task.SEGMENT: item.polygons, Task.POSE: item.keypoints}.get(task, (True,)))
