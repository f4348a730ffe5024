"""A version of a dataset laid out for Ultralytics, under names of our own; no file of a user's is passed on.

The pictures are copies: Ultralytics writes caches beside labels and repairs damaged files in place.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import yaml

from registry.errors import StorageUnavailable
from registry.training.datasets import annotations
from registry.training.datasets.layout import number
from registry.training.datasets.sample import Dataset, LabelledObject, Sample, area_of

_SPLITS = ("train", "val")
_DECIMALS = 6
_SPARE_BYTES = 256 << 20  # checkpoints, caches


def lay_out(
    source: Path, dataset: Dataset, task: str, class_ids: Sequence[int], folder: Path, check: Callable[[], None]
) -> Path:
    """Copy the train and val splits into `folder`; gives what Ultralytics takes as `data`.

    `class_ids` maps the dataset's classes to the network's outputs. `check` is called for each picture and may raise.
    Raises StorageUnavailable where there is no room, and when the pictures are gone.
    """
    samples = [each for each in dataset.samples if each.split in _SPLITS]
    try:
        _check_room(source, samples, folder)
        if task == "classify":
            return _lay_classes(source, samples, class_ids, folder, check)
        for split in _SPLITS:
            for part in ("images", "labels"):
                (folder / part / split).mkdir(parents=True)
        for index, sample in enumerate(samples):
            check()
            name = f"{sample.split}/{index:07d}"
            shutil.copyfile(_picture(source, sample), folder / f"images/{name}{_suffix(sample)}")
            lines = "".join(_line(each, sample, task, class_ids) for each in sample.objects)
            (folder / f"labels/{name}.txt").write_text(lines, encoding="ascii")
        return _data_yaml(folder, max(class_ids) + 1)
    except OSError as error:
        raise StorageUnavailable(f"the pictures could not be laid out: {error.strerror or error}") from error


def copy_test(source: Path, dataset: Dataset, folder: Path, check: Callable[[], None]) -> None:
    """Copy the pictures of the test split, under their own names: the dataset may be deleted meanwhile.

    Raises StorageUnavailable.
    """
    try:
        for sample in dataset.samples:
            if sample.split == "test":
                check()
                target = folder / annotations.IMAGES / sample.file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(_picture(source, sample), target)
    except OSError as error:
        raise StorageUnavailable(f"the pictures could not be laid out: {error.strerror or error}") from error


def _lay_classes(
    source: Path, samples: Sequence[Sample], class_ids: Sequence[int], folder: Path, check: Callable[[], None]
) -> Path:
    """SPLIT/NUMBER/picture: classes count in the order of their folders' names."""
    for split in _SPLITS:
        for class_id in range(max(class_ids) + 1):
            (folder / split / f"{class_id:05d}").mkdir(parents=True)
    for index, sample in enumerate(samples):
        check()
        if sample.label is None:
            continue
        place = folder / sample.split / f"{class_ids[sample.label]:05d}"
        shutil.copyfile(_picture(source, sample), place / f"{index:07d}{_suffix(sample)}")
    return folder


def _data_yaml(folder: Path, classes: int) -> Path:
    """Names here are numbers: the real ones are set on the trained network."""
    out = folder / "data.yaml"
    spec = {"path": str(folder), "train": "images/train", "val": "images/val"}
    names = {index: f"class {index}" for index in range(classes)}
    out.write_text(yaml.safe_dump(spec | {"names": names}), encoding="ascii")
    return out


def _check_room(source: Path, samples: Sequence[Sample], folder: Path) -> None:
    needed = sum(_picture(source, each).stat().st_size for each in samples) + _SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StorageUnavailable(
            f"the training needs {needed >> 20:,} MiB below {folder.parent}, {free >> 20:,} are free",
            hint="Free some space; the job is tried again by itself for some minutes.",
        )


def _line(item: LabelledObject, sample: Sample, task: str, class_ids: Sequence[int]) -> str:
    if task == "segment":
        if not item.polygons:
            return ""
        values = max(item.polygons, key=area_of)
    else:
        x1, y1, x2, y2 = item.box
        values = ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)
    size = (sample.width, sample.height)
    shares = (number(min(max(value / size[at % 2], 0.0), 1.0), _DECIMALS) for at, value in enumerate(values))
    return f"{class_ids[item.class_id]} {' '.join(shares)}\n"


def _picture(source: Path, sample: Sample) -> Path:
    return source / annotations.IMAGES / sample.file


def _suffix(sample: Sample) -> str:
    return PurePosixPath(sample.file).suffix.lower()
