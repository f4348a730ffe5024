"""Mask coefficients and prototypes to one mask per object, in source pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import supervision as sv

from registry.errors import UnsupportedOutputs
from registry.vision.letterbox import Placement

Floats = npt.NDArray[np.float32]
_FINEST = 4  # the parts of a cell: one is then a network pixel, for prototypes at a quarter of the input
_SLACK = 1e-6
_SAMPLING = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


def instance_masks(
    prototypes: Floats, coefficients: Floats, boxes_xyxy: Floats, placement: Placement
) -> sv.CompactMask:
    """A mask for each of n boxes (n, 4) in source pixels, kept as runs of its box: memory follows the boxes.

    `prototypes` (1, m, h, w) over the network's input, `coefficients` (n, m). A pixel belongs to an object when it
    lies in its box and the weighted sum of the prototypes, bilinear between their cells, is above 0: what
    Ultralytics computes with `retina_masks=True`. Only the cells under a box are summed and enlarged.

    Raises:
        UnsupportedOutputs: the prototypes have another shape.
    """
    if prototypes.ndim != 4 or prototypes.shape[:2] != (1, coefficients.shape[1]):
        raise UnsupportedOutputs(
            f"expected prototypes (1, {coefficients.shape[1]}, h, w) from a mask head, got {prototypes.shape}"
        )
    width, height = placement.source_wh
    starts = np.ceil(boxes_xyxy[:, :2]).astype(np.int32)
    stops = np.minimum(np.ceil(boxes_xyxy[:, 2:]).astype(np.int32), (width, height))
    grid = _Grid(prototypes[0], placement)
    crops = [
        grid.crop(weights, (x1, y1), (x2, y2))
        for weights, (x1, y1), (x2, y2) in zip(coefficients, starts.tolist(), stops.tolist(), strict=True)
    ]
    return compact_masks(crops, starts, (height, width))


def compact_masks(
    crops: Sequence[npt.NDArray[np.bool_]], offsets_xy: npt.NDArray[np.int32], image_hw: tuple[int, int]
) -> sv.CompactMask:
    """Masks that are False but for a crop each, at `offsets_xy` (n, 2), without ever making the whole of one."""
    runs = [_runs(crop) for crop in crops]
    shapes = np.array([crop.shape for crop in crops], np.int32).reshape(-1, 2)
    return sv.CompactMask(runs, shapes, offsets_xy, image_hw)


def _runs(crop: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """How long each run is, down the columns, the first of pixels that are off: what `sv.mask_to_rle` counts."""
    if not crop.size:
        return np.zeros(1, np.int32)
    pixels = cv2.transpose(crop.view(np.uint8)).ravel()
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    edges = np.concatenate([[0], changes, [len(pixels)]] if not pixels[0] else [[0, 0], changes, [len(pixels)]])
    return np.diff(edges).astype(np.int32)


class _Grid:
    """The prototypes' cells, and where a source pixel falls among them.

    Where the letterbox's border ends inside a cell, the cells are halved or quartered first, bilinear too, so that
    the border can be cut off between two of them.
    """

    def __init__(self, prototypes: Floats, placement: Placement) -> None:
        self._cells = prototypes
        per_pixel_yx = np.array(prototypes.shape[1:]) / placement.network_wh[::-1]
        step_yx = np.array(placement.ratio_xy[::-1]) * per_pixel_yx
        offset_yx = np.array(placement.pad_xy[::-1]) * per_pixel_yx
        low = np.maximum(offset_yx, 0)
        high = np.minimum(offset_yx + step_yx * placement.source_wh[::-1], prototypes.shape[1:])
        edges = np.concatenate([low, high])
        self._factor = next((each for each in (1, 2) if _whole(edges * each)), _FINEST)
        sides = np.stack([np.floor(low * self._factor + _SLACK), np.ceil(high * self._factor - _SLACK)], axis=1)
        (self._rows, self._columns) = (
            _Axis(step * self._factor, offset * self._factor, int(start), int(stop))
            for step, offset, (start, stop) in zip(step_yx, offset_yx, sides, strict=True)
        )

    def crop(self, weights: Floats, start_xy: tuple[int, int], stop_xy: tuple[int, int]) -> npt.NDArray[np.bool_]:
        """The mask of the pixels from `start_xy` up to `stop_xy`."""
        (x1, y1), (x2, y2) = start_xy, stop_xy
        if x2 <= x1 or y2 <= y1:
            return np.zeros((max(y2 - y1, 0), max(x2 - x1, 0)), np.bool_)
        left, right, shift_x = self._columns.under(x1, x2)
        top, bottom, shift_y = self._rows.under(y1, y2)
        logits = self._logits(weights, slice(top, bottom), slice(left, right))
        placed = np.array([[self._columns.step, 0, shift_x], [0, self._rows.step, shift_y]])
        size_wh = (x2 - x1, y2 - y1)
        return np.asarray(cv2.warpAffine(logits, placed, size_wh, flags=_SAMPLING, borderMode=cv2.BORDER_REPLICATE) > 0)

    def _logits(self, weights: Floats, rows: slice, columns: slice) -> Floats:
        """The weighted sum over these cells; the slices count in parts of a cell."""
        factor = self._factor
        top, left = max(rows.start // factor - 1, 0), max(columns.start // factor - 1, 0)
        bottom, right = rows.stop // factor + 2, columns.stop // factor + 2
        logits: Floats = np.tensordot(weights, self._cells[:, top:bottom, left:right], axes=1)
        if factor > 1:
            logits = np.asarray(cv2.resize(logits, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR))
        top, left = top * factor, left * factor
        return logits[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]


@dataclass(frozen=True, slots=True)
class _Axis:
    """One direction: a source pixel is `step` cells long, the source begins at `offset`; cells `start` to `stop`."""

    step: float
    offset: float
    start: int
    stop: int

    def under(self, first: int, last: int) -> tuple[int, int, float]:
        """The cells that pixels `first` up to `last` lie on, and the first pixel's centre after the first cell."""
        begin, end = (self.offset + (pixel + 0.5) * self.step - 0.5 for pixel in (first, last - 1))
        low = min(max(int(np.floor(begin)), self.start), self.stop - 1)
        high = min(max(int(np.floor(end)) + 2, low + 1), self.stop)
        return low, high, begin - low


def _whole(values: npt.NDArray[np.float64]) -> bool:
    return bool((np.abs(values - np.round(values)) < _SLACK).all())
