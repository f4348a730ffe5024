"""A dataset as folders of classes, below folders of splits, with `classes.txt` for their order."""

import re

from registry.training.datasets import sidecar
from registry.training.datasets.layout import Layout
from registry.training.datasets.read_folders import NUMBERED
from registry.training.datasets.sample import Dataset, Sample
from registry.training.datasets.source import NO_SPLIT, SPLIT_WORDS

_UNUSABLE = re.compile(r'[\\/:*?"<>|]|^\.|^[\s.]+|[\s.]+$')


def layout(dataset: Dataset) -> Layout:
    """`SPLIT/CLASS/NAME`; pictures without a split lie in `unassigned` where the others have one."""
    folders = [_folder(name, number) for number, name in enumerate(dataset.classes)]
    with_splits = any(sample.split for sample in dataset.samples)
    labelled = [sample for sample in dataset.samples if sample.label is not None]
    pictures = [(_place(sample, folders, with_splits=with_splits), sample) for sample in labelled]
    texts = {"classes.txt": "".join(f"{name}\n" for name in dataset.classes)}
    texts[sidecar.FILE] = sidecar.rows(pictures)
    return Layout(pictures, texts)


def _place(sample: Sample, folders: list[str], *, with_splits: bool) -> str:
    folder = folders[sample.label or 0]
    name = sample.file.removeprefix(f"{folder}/")
    return f"{sample.split or NO_SPLIT}/{folder}/{name}" if with_splits else f"{folder}/{name}"


def _folder(name: str, number: int) -> str:
    """A class's folder: its name, or its number where that is no folder's name or would be taken for a split."""
    unusable = _UNUSABLE.search(name) or NUMBERED.fullmatch(name) or name.lower() in {"images", *SPLIT_WORDS}
    return f"class-{number}" if unusable or len(name.encode()) > 100 else name
