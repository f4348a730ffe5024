"""What a worker and its engines say to one another: a line of JSON, then pixels.

Nothing is unpickled: an engine runs graphs that others made, and what it says is checked like any other input.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import supervision as sv

UInt8 = npt.NDArray[np.uint8]
_MOST_BOXES = 3_000


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which score boxes are told, and above which overlap two are one object; None is the model's own."""

    confidence: float = 0.1
    iou: float | None = None


def pack_images(images: Sequence[UInt8], thresholds: Thresholds) -> bytes:
    """Images (h, w, 3) uint8 as one message."""
    told = {"sizes": [image.shape[:2] for image in images], "thresholds": [thresholds.confidence, thresholds.iou]}
    head = json.dumps(told).encode()
    return b"".join([head, b"\n", *(np.ascontiguousarray(image).data for image in images)])


def unpack_images(message: bytes) -> tuple[list[UInt8], Thresholds]:
    """The images of a message, views on it. Raises ValueError for what is none."""
    head, _, pixels = message.partition(b"\n")
    told = json.loads(head)
    images, at = [], 0
    for height, width in told["sizes"]:
        size = height * width * 3
        images.append(np.frombuffer(pixels, np.uint8, size, at).reshape(height, width, 3))
        at += size
    return images, Thresholds(*told["thresholds"])


def pack_found(found: Sequence[sv.Detections]) -> bytes:
    """Detections for each image as one message."""
    return json.dumps({"found": [_row(each) for each in found]}).encode()


def pack_word(**values: Any) -> bytes:
    """Anything else that is said."""
    return json.dumps(values).encode()


def unpack_word(message: bytes) -> dict[str, Any]:
    """What was said. Raises ValueError for what is no JSON object."""
    word = json.loads(message)
    if not isinstance(word, dict):
        raise TypeError("an engine says JSON objects")
    return word


def read_found(word: dict[str, Any], images: int) -> list[sv.Detections]:
    """Detections for so many images. Raises ValueError for anything else than finite boxes, scores and names."""
    found = word.get("found")
    if not isinstance(found, list) or len(found) != images:
        raise ValueError(f"an engine did not answer for {images} images")
    return [_detections(each) for each in found]


def _row(detections: sv.Detections) -> dict[str, Any]:
    count = len(detections)
    scores, ids = detections.confidence, detections.class_id
    return {
        "boxes": detections.xyxy.astype(np.float64).tolist(),
        "scores": [1.0] * count if scores is None else scores.astype(np.float64).tolist(),
        "ids": [0] * count if ids is None else ids.tolist(),
        "names": [str(name) for name in detections.data.get("class_name", [""] * count)],
    }


def _detections(row: dict[str, Any]) -> sv.Detections:
    names = row["names"]
    if len(names) > _MOST_BOXES:
        raise ValueError(f"an engine found {len(names)} objects in one image")
    if not names:
        return sv.Detections.empty()
    boxes = np.array(row["boxes"], np.float32).reshape(len(names), 4)
    scores = np.array(row["scores"], np.float32).reshape(len(names))
    if not math.isfinite(float(boxes.sum()) + float(scores.sum())):
        raise ValueError("an engine answered with numbers that are none")
    ids = np.array(row["ids"], np.int64).reshape(len(names))
    labels = cast(Any, np.array([str(name)[:120] for name in names]))
    return sv.Detections(xyxy=boxes, confidence=scores, class_id=ids, data={"class_name": labels})
