"""What a vision model answered about one image."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import supervision as sv

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
    """The answer for one image, in source pixels; exactly one of the three answers is not None.

    `detections.data["class_name"]` carries the labels, as supervision's annotators expect.
    `timing_ms` has a value for each of TIMING_STAGES.
    """

    width: int
    height: int
    detections: sv.Detections | None = None
    classes: tuple[ClassScore, ...] | None = None
    lines: tuple[TextLine, ...] | None = None
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
            body["text"] = [
                {
                    "text": line.text,
                    "score": round(line.score, 6),
                    "box": [round(value, 2) for value in line.box_xyxy],
                    "polygon": [[round(x, 2), round(y, 2)] for x, y in line.polygon],
                }
                for line in self.lines
            ]
        body["timing_ms"] = {name: round(self.timing_ms.get(name, 0.0), 3) for name in TIMING_STAGES}
        return body


def detection_rows(detections: sv.Detections) -> list[dict[str, Any]]:
    """Detections as JSON-safe rows `{"box", "class_id", "label", "score"}`, boxes xyxy in source pixels."""
    count = len(detections)
    boxes = np.round(detections.xyxy.astype(np.float64), 2).tolist()
    class_ids = detections.class_id.tolist() if detections.class_id is not None else [-1] * count
    scores = [0.0] * count
    if detections.confidence is not None:
        scores = np.round(detections.confidence.astype(np.float64), 6).tolist()
    labels = [str(name) for name in detections.data.get("class_name", class_ids)]
    return [
        {"box": box, "class_id": class_id, "label": label, "score": score}
        for box, class_id, label, score in zip(boxes, class_ids, labels, scores, strict=True)
    ]
