"""Datasets that grow picture by picture: what a version holds, and one more labelled picture."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path, PurePosixPath

from registry.errors import InvalidDataset, InvalidInput, StorageUnavailable
from registry.training.datasets import annotations
from registry.training.datasets.likeness import look_of
from registry.training.datasets.limits import ImportLimits
from registry.training.datasets.sample import Dataset, DatasetTask, LabelledObject, Sample, pixels
from registry.vision.images import decode_image

Box = tuple[float, float, float, float]
_LONGEST_LABEL = 120


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """A picture with what is known to be on it: labels with their boxes, x1, y1, x2, y2 in shares of the picture.

    `name` is what the sample is to be called; pictures of one `group` are never torn apart by a division.
    """

    name: str
    image: bytes = field(repr=False)
    objects: Sequence[tuple[str, Box]] = ()
    group: str = ""
    captured_at: datetime | None = None


def grown(dataset: Dataset | None, picture: LabelledPicture, folder: Path, limits: ImportLimits) -> Dataset:
    """The dataset with the picture in it, which is written below `folder`; a new dataset for None.

    It belongs to no split. A picture that is there already gets the objects it did not have. Raises InvalidDataset,
    InvalidInput, InvalidImage, ImageTooLarge, StorageUnavailable.
    """
    before = dataset or Dataset(DatasetTask.DETECT, ())
    if before.task is not DatasetTask.DETECT:
        raise InvalidDataset(
            f"this dataset teaches to {before.task}, and a picture with boxes to detect",
            hint="Choose a dataset for detection, or a new one.",
        )
    image_bgr = decode_image(picture.image, limits.image_pixels)
    size_wh = (image_bgr.shape[1], image_bgr.shape[0])
    classes = _with_labels(before.classes, picture, limits)
    objects = tuple(LabelledObject(classes.index(label), _in_pixels(box, size_wh)) for label, box in picture.objects)
    digest = hashlib.sha256(picture.image).hexdigest()
    known = next((each for each in before.samples if each.sha256 == digest), None)
    if known is not None:
        merged = replace(known, objects=tuple(dict.fromkeys((*known.objects, *objects))))
        samples = tuple(merged if each is known else each for each in before.samples)
        return replace(before, classes=classes, samples=samples)
    made = Sample(
        file=_free_name(picture.name, digest, before),
        sha256=digest,
        width=size_wh[0],
        height=size_wh[1],
        look=look_of(image_bgr),
        group=picture.group,
        captured_at=picture.captured_at,
        objects=objects,
    )
    _write(folder / annotations.IMAGES / made.file, picture.image)
    samples = tuple(sorted((*before.samples, made), key=lambda sample: sample.file))
    return replace(before, classes=classes, samples=samples)


def _with_labels(classes: tuple[str, ...], picture: LabelledPicture, limits: ImportLimits) -> tuple[str, ...]:
    labels = [label for label, _ in picture.objects]
    wrong = next((label for label in labels if not 1 <= len(label) <= _LONGEST_LABEL or not label.isprintable()), None)
    if wrong is not None:
        raise InvalidInput(f"{wrong[:40]!r} cannot be a class: 1 to {_LONGEST_LABEL} printable characters")
    made = tuple(dict.fromkeys((*classes, *labels)))
    if len(made) > limits.classes:
        raise InvalidDataset(f"the dataset would have more than {limits.classes} classes, which is the limit")
    return made


def _in_pixels(box: Box, size_wh: tuple[int, int]) -> Box:
    x1, y1, x2, y2 = box
    if not (0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1):
        raise InvalidInput(f"a box lies inside the picture, 0 to 1 both ways, not at {x1:g}, {y1:g}, {x2:g}, {y2:g}")
    width, height = size_wh
    left, top, right, bottom = pixels((x1 * width, y1 * height, x2 * width, y2 * height))
    return left, top, right, bottom


def _free_name(wanted: str, digest: str, dataset: Dataset) -> str:
    taken = {sample.file.casefold() for sample in dataset.samples}
    suffix = PurePosixPath(wanted).suffix
    return wanted if wanted.casefold() not in taken else f"{digest[:16]}{suffix}"


def _write(path: Path, image: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:  # never through a link to a picture that a version has
            file.write(image)
    except OSError as error:
        raise StorageUnavailable(f"the picture could not be kept: {error.strerror or error}") from error
