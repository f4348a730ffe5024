"""A snapshot with what happened drawn on it: the object's box, and the way it came."""

from collections.abc import Sequence

import cv2
import numpy as np
import supervision as sv

from registry.vision.drawing import PALETTE, draw_marked
from registry.vision.encoding import encode_jpeg
from registry.vision.images import decode_image

Box = Sequence[float]
_WAY = (224, 177, 0)  # RGB
_LEAST_HEIGHT = 540  # smaller snapshots are enlarged first: a label has to be readable


def draw_event(snapshot: bytes, box: Box | None, words: str, path: Sequence[tuple[float, float]]) -> bytes:
    """A JPEG of the snapshot with a box (xyxy) and a path of feet (x, y), both in shares of the picture.

    Raises InvalidImage, ImageTooLarge.
    """
    canvas = decode_image(snapshot)
    factor = max(1, -(-_LEAST_HEIGHT // canvas.shape[0]))
    if factor > 1:
        size_wh = (canvas.shape[1] * factor, canvas.shape[0] * factor)
        canvas = np.asarray(cv2.resize(canvas, size_wh, interpolation=cv2.INTER_CUBIC), np.uint8)
    height, width = canvas.shape[:2]
    if len(path) > 1:
        points = np.round(np.array(path) * (width, height)).astype(np.int32)
        thick = max(2, round(height / 270))
        cv2.polylines(canvas, [points], isClosed=False, color=_WAY[::-1], thickness=thick, lineType=cv2.LINE_AA)
        cv2.circle(canvas, [int(value) for value in points[-1]], thick * 3, _WAY[::-1], -1, cv2.LINE_AA)
    if box is not None:
        scaled = np.array([box], np.float32) * (width, height, width, height)
        marked = sv.Detections(scaled.astype(np.float32), class_id=np.array([0]))
        canvas = draw_marked(canvas, marked, PALETTE, [words[:60]])
    return encode_jpeg(np.ascontiguousarray(canvas[..., ::-1]))
