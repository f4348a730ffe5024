"""A dataset as COCO has it: `images` and one document for each split in `annotations`."""

from typing import Any

import orjson

from registry.training.datasets import sidecar
from registry.training.datasets.layout import Layout
from registry.training.datasets.sample import SPLITS, Dataset, DatasetTask, LabelledObject, Sample, area_of


def layout(dataset: Dataset) -> Layout:
    """Everything is kept; what COCO has no field for lies in `samples.csv`."""
    pictures = [(f"images/{sample.file}", sample) for sample in dataset.samples]
    texts = {}
    for split in ("", *SPLITS):
        samples = [sample for sample in dataset.samples if sample.split == split]
        if samples:
            name = f"annotations/instances_{split or 'all'}.json"
            texts[name] = orjson.dumps(_document(dataset, samples), option=orjson.OPT_INDENT_2).decode()
    texts[sidecar.FILE] = sidecar.rows(pictures)
    return Layout(pictures, texts)


def _document(dataset: Dataset, samples: list[Sample]) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, sample in enumerate(samples, start=1):
        image = {"id": number, "file_name": sample.file, "width": sample.width, "height": sample.height}
        if sample.captured_at:
            image["date_captured"] = sample.captured_at.isoformat()
        images.append(image)
        for item in sample.objects:
            annotations.append({"id": len(annotations) + 1, "image_id": number, **_annotation(item, dataset)})
    return {
        "info": {"description": "exported by NexusAI"},
        "images": images,
        "categories": [_category(index, name, dataset) for index, name in enumerate(dataset.classes)],
        "annotations": annotations,
    }


def _category(index: int, name: str, dataset: Dataset) -> dict[str, Any]:
    points = [f"point {number}" for number in range(1, dataset.keypoints + 1)]
    return {"id": index + 1, "name": name} | ({"keypoints": points, "skeleton": []} if points else {})


def _annotation(item: LabelledObject, dataset: Dataset) -> dict[str, Any]:
    x1, y1, x2, y2 = item.box
    width, height = round(x2 - x1, 4), round(y2 - y1, 4)
    made: dict[str, Any] = {"category_id": item.class_id + 1, "bbox": [x1, y1, width, height], "iscrowd": 0}
    made["area"] = round(width * height, 2)
    if item.polygons:
        made["segmentation"] = list(item.polygons)
        made["area"] = round(sum(area_of(ring) for ring in item.polygons), 2)
    if dataset.task is DatasetTask.POSE and item.keypoints:
        made["keypoints"] = [value for point in item.keypoints for value in point]
        made["num_keypoints"] = sum(seen > 0 for _, _, seen in item.keypoints)
    return made
