"""Two answers about one picture, drawn together: where they agree, and what only one of them found."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import supervision as sv

from registry.vision.drawing import ImageRgb, draw_marked, enlarged
from registry.vision.images import ImageBgr

SAME, FIRST, SECOND = "#12a594", "#3a57e8", "#f2793d"  # both; the first alone; the second alone

Boxes = npt.NDArray[np.float32]


def draw_both(
    image_bgr: ImageBgr, same_xyxy: Boxes, first: tuple[Boxes, Sequence[str]], second: tuple[Boxes, Sequence[str]]
) -> ImageRgb:
    """A copy with what both found outlined in SAME, and what one alone found in its colour with its label.

    Boxes are (n, 4) xyxy in source pixels; returns (h, w, 3) uint8 RGB, enlarged as `draw` does.
    """
    canvas, factor = enlarged(image_bgr)
    for colour, boxes, labels in ((SAME, same_xyxy, None), (FIRST, *first), (SECOND, *second)):
        if len(boxes):
            marked = sv.Detections(xyxy=np.asarray(boxes, np.float32) * factor, class_id=np.zeros(len(boxes), int))
            canvas = draw_marked(canvas, marked, sv.ColorPalette.from_hex([colour]), labels)
    return np.ascontiguousarray(canvas[..., ::-1])
