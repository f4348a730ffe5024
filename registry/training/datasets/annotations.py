"""The annotations file of a version: a line about the dataset, then one for each sample in the order of their names."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from registry.errors import IntegrityError, ObjectNotFound
from registry.training.datasets.sample import Dataset, DatasetTask, LabelledObject, Sample

FILE, IMAGES = "annotations.jsonl", "images"
_FORMAT = 1


def write(folder: Path, dataset: Dataset) -> str:
    """Write the file into a version's folder; returns its SHA-256, which also covers every image by its own."""
    content = b"".join(_lines(dataset))
    (folder / FILE).write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def read(folder: Path) -> Dataset:
    """The dataset of a version's folder. Raises ObjectNotFound, IntegrityError."""
    try:
        lines = (folder / FILE).read_bytes().splitlines()
    except OSError as error:
        raise ObjectNotFound(f"there are no annotations in {folder.name}") from error
    try:
        head, *rest = (orjson.loads(line) for line in lines)
        if head["format"] != _FORMAT:
            raise IntegrityError(f"the annotations are of format {head['format']}, this release knows {_FORMAT}")
        samples = tuple(map(_sample, rest))
        return Dataset(DatasetTask(head["task"]), tuple(head["classes"]), samples, head["keypoints"])
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"the annotations in {folder.name} are damaged: {error}") from error


def _lines(dataset: Dataset) -> Iterator[bytes]:
    about = {
        "format": _FORMAT,
        "task": dataset.task.value,
        "classes": dataset.classes,
        "keypoints": dataset.keypoints,
    }
    yield orjson.dumps(about) + b"\n"
    for sample in sorted(dataset.samples, key=lambda each: each.file):
        yield orjson.dumps(to_dict(sample)) + b"\n"


def to_dict(sample: Sample) -> dict[str, Any]:
    """A sample as JSON has it; what is empty is left out."""
    about = {
        "file": sample.file,
        "sha256": sample.sha256,
        "width": sample.width,
        "height": sample.height,
        "look": sample.look,
        "split": sample.split,
        "group": sample.group,
        "captured_at": sample.captured_at.isoformat() if sample.captured_at else "",
        "label": sample.label,
        "objects": [_object_dict(each) for each in sample.objects],
    }
    return {key: value for key, value in about.items() if value not in ("", None, [])}


def _object_dict(item: LabelledObject) -> dict[str, Any]:
    about = {"class_id": item.class_id, "box": item.box, "polygons": item.polygons, "keypoints": item.keypoints}
    return {key: value for key, value in about.items() if value != ()}


def _sample(row: dict[str, Any]) -> Sample:
    when = row.get("captured_at")
    return Sample(
        file=row["file"],
        sha256=row["sha256"],
        width=row["width"],
        height=row["height"],
        look=row.get("look", ""),
        split=row.get("split", ""),
        group=row.get("group", ""),
        captured_at=datetime.fromisoformat(when) if when else None,
        label=row.get("label"),
        objects=tuple(map(_object, row.get("objects", ()))),
    )


def _object(row: dict[str, Any]) -> LabelledObject:
    x1, y1, x2, y2 = map(float, row["box"])
    return LabelledObject(
        row["class_id"],
        (x1, y1, x2, y2),
        tuple(tuple(map(float, ring)) for ring in row.get("polygons", ())),
        tuple((float(x), float(y), int(seen)) for x, y, seen in row.get("keypoints", ())),
    )
