"""A dataset as YOLO has it: `images/SPLIT`, `labels/SPLIT` and `data.yaml`."""

from typing import Any

import yaml

from registry.training.datasets import sidecar
from registry.training.datasets.layout import Layout, number, stem_of, unlike
from registry.training.datasets.sample import SPLITS, Dataset, DatasetTask, LabelledObject, Ring, Sample, area_of
from registry.training.datasets.source import NO_SPLIT

_DECIMALS = 9  # a hundredth of a pixel stays what it was in pictures of up to 30,000 pixels


def layout(dataset: Dataset) -> Layout:
    """Boxes as centre and size, outlines as points, in shares of the picture; of several outlines the largest."""
    pictures, texts = [], {}
    for name, sample in zip(unlike(dataset.samples), dataset.samples, strict=True):
        place = f"{sample.split or NO_SPLIT}/{name}"
        pictures.append((f"images/{place}", sample))
        texts[f"labels/{stem_of(place)}.txt"] = "".join(_line(each, sample, dataset) for each in sample.objects)
    texts["data.yaml"] = yaml.safe_dump(_config(dataset), sort_keys=False, allow_unicode=True)
    texts[sidecar.FILE] = sidecar.rows(pictures)
    return Layout(pictures, texts)


def _config(dataset: Dataset) -> dict[str, Any]:
    used = {sample.split for sample in dataset.samples}
    config: dict[str, Any] = {split: f"images/{split}" for split in SPLITS if split in used}
    if dataset.task is DatasetTask.POSE:
        config["kpt_shape"] = [dataset.keypoints, 3]
    return config | {"nc": len(dataset.classes), "names": dict(enumerate(dataset.classes))}


def _line(item: LabelledObject, sample: Sample, dataset: Dataset) -> str:
    values: list[str]
    if dataset.task is DatasetTask.SEGMENT and item.polygons:
        values = _shares(max(item.polygons, key=area_of), sample)
    else:
        x1, y1, x2, y2 = item.box
        values = _shares(((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1), sample)
    if dataset.task is DatasetTask.POSE:
        points = item.keypoints or ((0.0, 0.0, 0),) * dataset.keypoints
        for x, y, seen in points:
            values += [*_shares((x, y), sample), str(seen)]
    return " ".join([str(item.class_id), *values]) + "\n"


def _shares(values: Ring, sample: Sample) -> list[str]:
    size = (sample.width, sample.height)
    return [number(value / size[index % 2], _DECIMALS) for index, value in enumerate(values)]
