"""The canonical form of a dataset: samples with their objects, in source pixels."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

SPLITS = ("train", "val", "test")
DECIMALS = 2  # of a coordinate in pixels: what survives every format, and more than an annotator can point at

Box = tuple[float, float, float, float]
Ring = tuple[float, ...]
Point = tuple[float, float, int]


class DatasetTask(StrEnum):
    """What a dataset can teach."""

    DETECT = "detect"
    SEGMENT = "segment"
    CLASSIFY = "classify"
    POSE = "pose"


@dataclass(frozen=True, slots=True)
class LabelledObject:
    """An object: its box x1, y1, x2, y2 in source pixels, outlines as x, y, x, y…, key points as x, y, visibility."""

    class_id: int
    box: Box
    polygons: tuple[Ring, ...] = ()
    keypoints: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """An image with what is known about it.

    `file` is its relative name; width and height are those of the upright picture. `split` is empty for a sample that
    belongs to none; samples of one `group` (a scene, a camera, a patient) are never torn apart. `label` is the class
    of a whole picture. `look` is the picture's difference hash, 16 hex digits.
    """

    file: str
    sha256: str
    width: int
    height: int
    look: str = ""
    split: str = ""
    group: str = ""
    captured_at: datetime | None = None
    label: int | None = None
    objects: tuple[LabelledObject, ...] = ()

    @property
    def id(self) -> str:
        """What addresses call the sample by: it depends on its name alone."""
        return sample_id(self.file)

    @property
    def class_ids(self) -> tuple[int, ...]:
        """The class of every object, or of the picture."""
        whole = () if self.label is None else (self.label,)
        return whole + tuple(each.class_id for each in self.objects)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Samples in the order of their names, and the classes their ids count; `keypoints` is how many a pose has."""

    task: DatasetTask
    classes: tuple[str, ...]
    samples: tuple[Sample, ...] = field(default=())
    keypoints: int = 0

    def find(self, wanted: str) -> Sample | None:
        """The sample of an id."""
        return next((sample for sample in self.samples if sample.id == wanted), None)


def sample_id(file: str) -> str:
    """The id of the sample with that file name."""
    return hashlib.sha256(file.encode()).hexdigest()[:16]


def pixels(values: Iterable[float]) -> tuple[float, ...]:
    """Coordinates as the canonical form has them: rounded, and never minus zero."""
    return tuple(round(float(value), DECIMALS) + 0.0 for value in values)


def bounds(rings: Iterable[Ring]) -> Box:
    """The box around outlines."""
    xs = [value for ring in rings for value in ring[::2]]
    ys = [value for ring in rings for value in ring[1::2]]
    return min(xs), min(ys), max(xs), max(ys)


def area_of(ring: Ring) -> float:
    """The area inside an outline (shoelace formula)."""
    points = list(zip(ring[::2], ring[1::2], strict=True))
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(points, [*points[1:], points[0]], strict=True))) / 2
