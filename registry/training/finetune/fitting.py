"""Whether a version of a dataset can teach a model, and how its classes become the network's outputs."""

from collections import Counter
from collections.abc import Sequence

from registry.errors import InvalidDataset, InvalidInput
from registry.training.datasets.sample import SPLITS, Dataset, DatasetTask, Sample

TASKS = ("detect", "segment", "classify")
_TEACHES = {
    "detect": (DatasetTask.DETECT, DatasetTask.SEGMENT),
    "segment": (DatasetTask.SEGMENT,),
    "classify": (DatasetTask.CLASSIFY,),
}
_FEWEST = 2  # training pictures
_SHOWN = 8


def check_dataset(dataset: Dataset, task: str, reference: str) -> None:
    """Raise InvalidDataset unless every split holds what learning, choosing and measuring need."""
    if task not in _TEACHES:
        raise InvalidInput(f"models of task {task or 'none'} are not trained here; {', '.join(TASKS)} are")
    if dataset.task not in _TEACHES[task]:
        raise InvalidDataset(
            f"dataset {reference} teaches to {dataset.task}, the model's task is {task}",
            hint=f"Choose a dataset of task {' or '.join(_TEACHES[task])}.",
        )
    parts = {split: [each for each in dataset.samples if each.split == split] for split in SPLITS}
    for split, samples in parts.items():
        _check_split(split, samples, task, reference)
    if len(parts["train"]) < _FEWEST:
        raise InvalidDataset(f"dataset {reference} has one training picture; at least {_FEWEST} are needed")
    taught = {sample.label for sample in parts["train"]} - {None}
    if task == "classify" and len(taught) < 2:
        raise InvalidDataset(
            f"the training pictures of {reference} are all of one class; a classifier has to tell two apart",
            hint="Add pictures of another class, or train a detector.",
        )


def _check_split(split: str, samples: Sequence[Sample], task: str, reference: str) -> None:
    if not samples:
        raise InvalidDataset(
            f"dataset {reference} has no {_WORDS[split]}",
            hint=f"Divide it first: `nexusai datasets split {reference.partition('/')[0]}`, or on its page.",
            details={"split": split},
        )
    if not any(_labelled(sample, task) for sample in samples):
        what = {"segment": "outline", "classify": "class"}.get(task, "box")
        raise InvalidDataset(
            f"no picture of the {_WORDS[split]} of {reference} has a {what}: there is nothing to {_WHAT_FOR[split]}",
            hint="Label the pictures, import the next version, and train on that.",
            details={"split": split},
        )


_WORDS = {"train": "training split", "val": "validation split", "test": "test split"}
_WHAT_FOR = {"train": "learn from", "val": "choose the best epoch by", "test": "measure with"}


def _labelled(sample: Sample, task: str) -> bool:
    if task == "classify":
        return sample.label is not None
    if task == "segment":
        return any(each.polygons for each in sample.objects)
    return bool(sample.objects)


def labels_for(dataset: Dataset, parent: Sequence[str] | None) -> tuple[str, ...]:
    """The network's classes: the parent's order where both name the same ones, else the dataset's."""
    if parent is not None and len(parent) == len(dataset.classes) and set(parent) == set(dataset.classes):
        return tuple(parent)
    return dataset.classes


def class_ids(dataset: Dataset, labels: Sequence[str]) -> list[int]:
    """For each class of the dataset the network's output."""
    return [labels.index(name) for name in dataset.classes]


def check_classes(labels: Sequence[str], parent: Sequence[str], model: str) -> None:
    """Raise InvalidInput where the new version would name other classes than the model's versions until now."""
    missing = [name for name in parent if name not in set(labels)]
    added = [name for name in labels if name not in set(parent)]
    if not missing and not added:
        return
    parts = [f"lacks {_some(missing)}"] if missing else []
    parts += [f"adds {_some(added)}"] if added else []
    raise InvalidInput(
        f"the classes are not those of {model}: the dataset {' and '.join(parts)}",
        hint="Publish under another name (`name`), or say that the classes may change (`new_classes`).",
        details={"missing": missing[:100], "added": added[:100]},
    )


def remarks(dataset: Dataset, labels: Sequence[str], parent: Sequence[str] | None) -> list[str]:
    """What whoever reads the result should know about the data."""
    found = []
    if parent is not None and tuple(parent) != tuple(labels):
        found.append("The classes differ from the parent's: the last layer began anew.")
    counted: Counter[int] = Counter(
        class_id for sample in dataset.samples if sample.split == "train" for class_id in sample.class_ids
    )
    untaught = [name for index, name in enumerate(dataset.classes) if not counted[index]]
    if untaught:
        found.append(f"No training picture shows {_some(untaught)}.")
    return found


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:40]) for name in names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
