"""Detections of a frame from those of its regions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import supervision as sv

from registry.streams.frames import Frame, UInt8
from registry.streams.regions import Region, touches_cut

DetectBatch = Callable[[Sequence[UInt8]], Sequence[sv.Detections]]
_SAME_OBJECT = 0.5


@dataclass(frozen=True, slots=True)
class Detector:
    """A model as cameras see it: images (h, w, 3) uint8 BGR of any sizes in, one sv.Detections for each out.

    Boxes are in pixels of the image; names of classes are in `data["class_name"]`. `key` says which model it is.
    `detect` may raise anything: ProcessFailed says that it was lost over these images and is there again for the next
    ones, Unavailable that it was not even asked.
    """

    key: str
    detect: DetectBatch


def cut(frame: Frame, regions: Sequence[Region]) -> list[UInt8]:
    """The pixels of each region."""
    whole = (0, 0, *frame.size_wh)
    return [frame.to_bgr() if region == whole else frame.crop_bgr(region) for region in regions]


def join(frame: Frame, regions: Sequence[Region], found: Sequence[sv.Detections]) -> tuple[sv.Detections, bool]:
    """All detections in pixels of the frame, and whether one of them is cut by the edge of its region.

    Raises TypeError or ValueError for what is no sv.Detections of plain numbers.
    """
    moved, is_cut = [], False
    for region, detections in zip(regions, found, strict=True):
        if not isinstance(detections, sv.Detections):
            raise TypeError(f"a detector answers with sv.Detections, not {type(detections).__name__}")
        if not len(detections):
            continue
        placed = sv.Detections(
            xyxy=detections.xyxy + np.array([region[0], region[1]] * 2, np.float32),
            confidence=detections.confidence,
            class_id=detections.class_id,
            data={name: detections.data[name] for name in ("class_name",) if name in detections.data},
        )
        is_cut = is_cut or any(touches_cut(box, region, frame.size_wh) for box in placed.xyxy.tolist())
        moved.append(placed)
    if not moved:
        return sv.Detections.empty(), False
    if len(moved) == 1:
        return moved[0], is_cut
    return sv.Detections.merge(moved).with_nms(_SAME_OBJECT), is_cut
