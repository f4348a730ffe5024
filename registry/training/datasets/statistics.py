"""The figures of a dataset: how much of what, how large, of what shape and where."""

from collections import Counter
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from registry.training.datasets.sample import SPLITS, Dataset

GRID = 16
_SIZE_EDGES = np.linspace(0, 1, 21)
_ASPECT_EDGES = np.linspace(-3, 3, 25)
_MOST_SIZES = 50


class ClassFigures(BaseModel):
    """One class: objects and pictures, and objects by split."""

    model_config = ConfigDict(frozen=True)

    name: str
    objects: int
    images: int
    by_split: dict[str, int]


class Histogram(BaseModel):
    """Counts between edges; there is one edge more than counts."""

    model_config = ConfigDict(frozen=True)

    edges: list[float]
    counts: list[int]


class ImageSize(BaseModel):
    """How many pictures have a size in pixels."""

    model_config = ConfigDict(frozen=True)

    width: int
    height: int
    images: int


class Statistics(BaseModel):
    """Figures of one version.

    `box_size` is the square root of a box's share of its picture, `box_aspect` the binary logarithm of width by
    height, `positions` counts the centres of boxes on a grid of 16 x 16, row by row from the top.
    """

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "images": 1250,
                    "objects": 4031,
                    "backgrounds": 12,
                    "images_by_split": {"train": 875, "val": 187, "test": 188},
                    "classes": [{"name": "bolt", "objects": 2206, "images": 1104, "by_split": {"train": 1544}}],
                    "image_sizes": [{"width": 1280, "height": 720, "images": 1250}],
                    "objects_per_image": {"0": 12, "3": 702, "4": 536},
                    "box_size": {"edges": [0.0, 0.05, 0.1], "counts": [310, 3721]},
                    "box_aspect": {"edges": [-3.0, 0.0, 3.0], "counts": [1990, 2041]},
                    "positions": [[4, 11], [9, 7]],
                }
            ]
        },
    )

    images: int
    objects: int
    backgrounds: int
    images_by_split: dict[str, int]
    classes: list[ClassFigures]
    image_sizes: list[ImageSize]
    objects_per_image: dict[int, int]
    box_size: Histogram
    box_aspect: Histogram
    positions: list[list[int]]


def statistics_of(dataset: Dataset) -> Statistics:
    """Count everything."""
    boxes, sizes = _boxes(dataset)
    wh = boxes[:, 2:] - boxes[:, :2]
    area = wh.prod(axis=1) / np.maximum(sizes.prod(axis=1), 1)
    centres = np.clip((boxes[:, :2] + boxes[:, 2:]) / 2 / sizes, 0, 1)
    cells, _, _ = np.histogram2d(centres[:, 1], centres[:, 0], bins=GRID, range=((0, 1), (0, 1)))
    per_image = Counter(len(sample.class_ids) for sample in dataset.samples)
    return Statistics(
        images=len(dataset.samples),
        objects=sum(count * images for count, images in per_image.items()),
        backgrounds=per_image.get(0, 0),
        images_by_split=_splits(sample.split for sample in dataset.samples),
        classes=_classes(dataset),
        image_sizes=_sizes(dataset),
        objects_per_image=dict(sorted(per_image.items())),
        box_size=_histogram(np.sqrt(area), _SIZE_EDGES),
        box_aspect=_histogram(np.log2(wh[:, 0] / np.maximum(wh[:, 1], 1e-9)), _ASPECT_EDGES),
        positions=cells.astype(int).tolist(),
    )


def _boxes(dataset: Dataset) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Every box (n, 4) with the size (n, 2) of its picture."""
    boxes = [item.box for sample in dataset.samples for item in sample.objects]
    sizes = [(sample.width, sample.height) for sample in dataset.samples for _ in sample.objects]
    return np.array(boxes, float).reshape(-1, 4), np.array(sizes, float).reshape(-1, 2)


def _histogram(values: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]) -> Histogram:
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return Histogram(edges=[round(float(edge), 4) for edge in edges], counts=counts.tolist())


def _splits(found: Iterable[str]) -> dict[str, int]:
    counts = Counter(found)
    return {split: counts[split] for split in (*SPLITS, "") if counts[split]}


def _classes(dataset: Dataset) -> list[ClassFigures]:
    objects: list[Counter[str]] = [Counter() for _ in dataset.classes]
    images = Counter(class_id for sample in dataset.samples for class_id in set(sample.class_ids))
    for sample in dataset.samples:
        for class_id in sample.class_ids:
            objects[class_id][sample.split] += 1
    return [
        ClassFigures(name=name, objects=counts.total(), images=images[number], by_split=dict(counts))
        for number, (name, counts) in enumerate(zip(dataset.classes, objects, strict=True))
    ]


def _sizes(dataset: Dataset) -> list[ImageSize]:
    counts = Counter((sample.width, sample.height) for sample in dataset.samples)
    return [ImageSize(width=w, height=h, images=count) for (w, h), count in counts.most_common(_MOST_SIZES)]
