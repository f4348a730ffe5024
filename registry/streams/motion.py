"""The motion gate: whether anything moves on a small luma plane, and where."""

from dataclasses import dataclass, field
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from registry.errors import InvalidInput
from registry.streams.geometry import Polygon

UInt8 = npt.NDArray[np.uint8]
Boxes = npt.NDArray[np.float32]

PLANE_HEIGHT = 100
_NO_BOXES = np.empty((0, 4), np.float32)
_NOISE_FACTOR = 4.0
_DILATE = np.ones((5, 5), np.uint8)


@dataclass(frozen=True, slots=True)
class MotionOptions:
    """What counts as motion. `masks` are polygons in normalised coordinates in which nothing counts."""

    sensitivity: float = 0.6  # 0 (only strong changes) to 1 (the faintest)
    min_area: float = 0.0008  # share of the picture that has to change
    light_change: float = 0.6  # share of the picture: above it the light changed, not the scene
    learn_per_s: float = 0.35  # how much of the background is renewed in a second
    hold_s: float = 0.6  # the gate stays open for so long after the last motion
    masks: tuple[Polygon, ...] = ()

    def __post_init__(self) -> None:
        shares = {"sensitivity": self.sensitivity, "min_area": self.min_area, "light_change": self.light_change}
        for name, value in shares.items():
            if not 0 <= value <= 1:
                raise InvalidInput(f"{name} of the motion gate is a share, 0 to 1, not {value:g}")


@dataclass(frozen=True, slots=True)
class Motion:
    """What one frame showed. Boxes are (n, 4) float32 xyxy, normalised to 0..1."""

    is_open: bool  # whether the frame is worth a look
    boxes: Boxes = field(default_factory=lambda: _NO_BOXES)
    share: float = 0.0  # of the picture that changed
    recalibrated: bool = False  # the light changed: everything is new


class MotionGate:
    """Compares each frame with a background that it learns; for the frames of one camera, in order."""

    def __init__(self, options: MotionOptions | None = None) -> None:
        self._options = options or MotionOptions()
        self._background: npt.NDArray[np.float32] | None = None
        self._keep: UInt8 | None = None  # 255 where changes count
        self._noise = 2.0
        self._open_until = 0.0
        self._last_s = 0.0

    def judge(self, luma: UInt8, now: float) -> Motion:
        """Judge a luma plane (h, w) uint8 of any size at a monotonic time; it is neither kept nor changed."""
        height, width = luma.shape
        size_wh = (max(16, round(width * PLANE_HEIGHT / height)), PLANE_HEIGHT)
        plane = cast(UInt8, cv2.resize(luma, size_wh, interpolation=cv2.INTER_AREA))
        if self._background is None or self._background.shape != plane.shape:
            self._begin(plane, now)
            return Motion(True, recalibrated=True)
        difference = cv2.absdiff(plane, cv2.convertScaleAbs(self._background))
        changed = self._changed(difference)
        share = cv2.countNonZero(changed) / changed.size
        if share > self._options.light_change:
            self._begin(plane, now)
            return Motion(True, share=share, recalibrated=True)
        boxes = self._boxes(changed) if share else _NO_BOXES
        self._learn(plane, changed, difference, now)
        if len(boxes):
            self._open_until = now + self._options.hold_s
        return Motion(now < self._open_until, boxes, share)

    def _begin(self, plane: UInt8, now: float) -> None:
        self._background = plane.astype(np.float32)
        self._keep = _keep(plane.shape, self._options.masks)
        self._open_until, self._last_s = now + self._options.hold_s, now

    def _changed(self, difference: UInt8) -> UInt8:
        floor = 28.0 - 22.0 * self._options.sensitivity
        threshold = max(floor, self._noise * _NOISE_FACTOR)
        changed = cv2.threshold(difference, threshold, 255, cv2.THRESH_BINARY)[1]
        return cast(UInt8, changed if self._keep is None else cv2.bitwise_and(changed, self._keep))

    def _boxes(self, changed: UInt8) -> Boxes:
        joined = cv2.dilate(changed, _DILATE)
        height, width = joined.shape
        _, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=4)
        found = []
        for number, (x, y, w, h, area) in enumerate(stats[1:].tolist(), start=1):
            least = self._options.min_area * width * height
            if area < least + 8:  # dilation alone makes 25 of a single pixel
                continue
            part = changed[y : y + h, x : x + w][labels[y : y + h, x : x + w] == number]
            if np.count_nonzero(part) >= least:
                found.append((x / width, y / height, (x + w) / width, (y + h) / height))
        return np.array(found, np.float32).reshape(-1, 4)

    def _learn(self, plane: UInt8, changed: UInt8, difference: UInt8, now: float) -> None:
        """Still pixels are learnt fast, changed ones slowly: what stops becomes background after a while."""
        gap_s = min(max(now - self._last_s, 0.0), 1.0)
        self._last_s = now
        rate = 1 - (1 - self._options.learn_per_s) ** gap_s
        still = cv2.bitwise_not(changed)
        cv2.accumulateWeighted(plane, self._background, rate, mask=still)
        cv2.accumulateWeighted(plane, self._background, rate * 0.3, mask=changed)
        self._noise += 0.05 * (cv2.mean(difference, mask=still)[0] - self._noise)


def _keep(shape: tuple[int, ...], masks: tuple[Polygon, ...]) -> UInt8 | None:
    if not masks:
        return None
    height, width = shape
    keep = np.full((height, width), 255, np.uint8)
    for mask in masks:
        points = np.array([(x * width, y * height) for x, y in mask.points]).round().astype(np.int32)
        cv2.fillPoly(keep, [points], 0)
    return keep
