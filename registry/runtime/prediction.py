"""What a vision model answered about one image."""

from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
import supervision as sv
from supervision.config import ORIENTED_BOX_COORDINATES

from registry.vision.runs import coco_rle

CORNERS = ORIENTED_BOX_COORDINATES
TIMING_STAGES = ("decode", "preprocess", "inference", "postprocess", "queue", "total")


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class with its probability in [0, 1]."""

    class_id: int
    label: str
    score: float


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line of text; `box_xyxy` in source pixels, `polygon` its four corners, `score` in [0, 1]."""

    text: str
    score: float
    box_xyxy: tuple[float, float, float, float]
    polygon: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one image, in source pixels; exactly one of the four answers is not None.

    `detections.data["class_name"]` carries the labels, as supervision's annotators expect; `data["keypoints"]`, of a
    pose model, (n, points, 2 or 3) float32 of x, y and, if there, a visibility in [0, 1]; `data[CORNERS]`, of a head
    of oriented boxes, (n, 4, 2) float32; `mask`, of a segmenter, a `sv.CompactMask`. `embedding` is (d,) float32 of
    length 1. `timing_ms` has a value for each of TIMING_STAGES.
    """

    width: int
    height: int
    detections: sv.Detections | None = None
    classes: tuple[ClassScore, ...] | None = None
    lines: tuple[TextLine, ...] | None = None
    embedding: npt.NDArray[np.float32] | None = None
    timing_ms: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The answer as the HTTP contract has it, without the `model` part."""
        body: dict[str, Any] = {"image": {"width": self.width, "height": self.height}}
        if self.detections is not None:
            body["detections"] = detection_rows(self.detections)
        if self.classes is not None:
            body["classes"] = [
                {"class_id": each.class_id, "label": each.label, "score": round(each.score, 6)} for each in self.classes
            ]
        if self.lines is not None:
            body["text"] = [_line_row(line) for line in self.lines]
        if self.embedding is not None:
            body["embedding"] = np.round(self.embedding.astype(np.float64), 7).tolist()
        body["timing_ms"] = {name: round(self.timing_ms.get(name, 0.0), 3) for name in TIMING_STAGES}
        return body

    def says(self) -> str:
        """The answer in a few words."""
        if self.classes is not None:
            return f"{self.classes[0].label} {self.classes[0].score:.0%}" if self.classes else "no class"
        if self.embedding is not None:
            return f"an embedding of {len(self.embedding)} values"
        if self.lines is not None:
            return f"{len(self.lines)} line{'' if len(self.lines) == 1 else 's'} of text"
        count = 0 if self.detections is None else len(self.detections)
        return f"{count} object{'' if count == 1 else 's'}"

    def _repr_html_(self) -> str:
        """In a notebook: what was found; the picture belongs to `registry.models.answer.Answer`."""
        return f"<p>{self.width} × {self.height} pixels: {escape(self.says())}</p>"


def detection_rows(detections: sv.Detections) -> list[dict[str, Any]]:
    """Detections as JSON-safe rows `{"box", "class_id", "label", "score"}`, boxes xyxy in source pixels.

    A row has `mask`, uncompressed COCO run lengths of the whole image, `keypoints` and `corners`, where there are any.
    """
    count = len(detections)
    boxes = np.round(detections.xyxy.astype(np.float64), 2).tolist()
    class_ids = detections.class_id.tolist() if detections.class_id is not None else [-1] * count
    scores = [0.0] * count
    if detections.confidence is not None:
        scores = np.round(detections.confidence.astype(np.float64), 6).tolist()
    labels = [str(name) for name in detections.data.get("class_name", class_ids)]
    rows = zip(boxes, class_ids, labels, scores, _extras(detections), strict=True)
    return [
        {"box": box, "class_id": class_id, "label": label, "score": score, **extra}
        for box, class_id, label, score, extra in rows
    ]


def _extras(detections: sv.Detections) -> list[dict[str, Any]]:
    extras: list[dict[str, Any]] = [{} for _ in range(len(detections))]
    masks = detections.mask
    if isinstance(masks, sv.CompactMask):
        height, width = masks.image_shape
        for index, (x, y) in enumerate(masks.offsets.tolist()):
            extras[index]["mask"] = coco_rle(masks.crop(index), (x, y), (height, width))
    if "keypoints" in detections.data:
        points = np.asarray(detections.data["keypoints"], np.float64)
        for extra, rounded in zip(extras, np.round(points, 3).tolist(), strict=True):
            extra["keypoints"] = rounded
    if CORNERS in detections.data:
        corners = np.round(np.asarray(detections.data[CORNERS], np.float64), 2).tolist()
        for extra, rounded in zip(extras, corners, strict=True):
            extra["corners"] = rounded
    return extras


def _line_row(line: TextLine) -> dict[str, Any]:
    return {
        "text": line.text,
        "score": round(line.score, 6),
        "box": [round(value, 2) for value in line.box_xyxy],
        "polygon": [[round(x, 2), round(y, 2)] for x, y in line.polygon],
    }
