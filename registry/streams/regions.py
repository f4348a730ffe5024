"""Which parts of a frame are worth inferring: small squares around motion, or the whole."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float32]
Region = tuple[int, int, int, int]  # xyxy in pixels of the frame, even numbers
_MARGIN = 0.25  # of a box, on each side
_LEAST_MARGIN = 16


@dataclass(frozen=True, slots=True)
class RegionOptions:
    """The sides that squares can have, with what each costs beside the whole frame (milliseconds, measured)."""

    costs: tuple[tuple[int, float], ...] = ((192, 10.0), (256, 17.0), (320, 26.0))
    whole: float = 62.0
    most: int = 3
    worth: float = 0.75  # squares that together cost more than this share of the whole are not worth it


def propose(boxes: Boxes, size_wh: tuple[int, int], options: RegionOptions) -> list[Region]:
    """Squares that hold every box (n, 4) xyxy normalised, or one region that is the whole frame.

    Nothing is proposed for no boxes.
    """
    width, height = size_wh
    whole: Region = (0, 0, width, height)
    if not len(boxes):
        return []
    sides = [side for side, _ in options.costs if side <= min(width, height)]
    grown = [_grow(box, size_wh) for box in boxes.tolist()]
    clusters = _join(grown, sides[-1] if sides else 0)
    chosen = [_square(cluster, sides, size_wh) for cluster in clusters]
    price = dict(options.costs)
    squares = [square for square in chosen if square is not None]
    too_dear = sum(price[square[2] - square[0]] for square in squares) > options.worth * options.whole
    if len(squares) < len(chosen) or len(squares) > options.most or too_dear:
        return [whole]
    return squares


def touches_cut(box: Sequence[float], region: Region, size_wh: tuple[int, int], slack: float = 2.0) -> bool:
    """Whether a box xyxy in pixels of the frame ends where its region was cut out of the picture."""
    x1, y1, x2, y2 = region
    left, top = x1 > 0 and box[0] - x1 < slack, y1 > 0 and box[1] - y1 < slack
    right, bottom = x2 < size_wh[0] and x2 - box[2] < slack, y2 < size_wh[1] and y2 - box[3] < slack
    return left or top or right or bottom


def _grow(box: Sequence[float], size_wh: tuple[int, int]) -> list[float]:
    width, height = size_wh
    x1, y1, x2, y2 = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    over_x, over_y = max((x2 - x1) * _MARGIN, _LEAST_MARGIN), max((y2 - y1) * _MARGIN, _LEAST_MARGIN)
    return [max(0.0, x1 - over_x), max(0.0, y1 - over_y), min(width, x2 + over_x), min(height, y2 + over_y)]


def _join(boxes: list[list[float]], largest: int) -> list[list[float]]:
    """Boxes that fit into one square together become one, the closest first come."""
    clusters = [list(box) for box in boxes]
    merged = True
    while merged:
        merged = False
        for first in range(len(clusters)):
            for second in range(first + 1, len(clusters)):
                one, two = clusters[first], clusters[second]
                union = [min(one[0], two[0]), min(one[1], two[1]), max(one[2], two[2]), max(one[3], two[3])]
                if max(union[2] - union[0], union[3] - union[1]) <= largest or _overlap(one, two):
                    clusters[first] = union
                    del clusters[second]
                    merged = True
                    break
            if merged:
                break
    return clusters


def _overlap(one: list[float], two: list[float]) -> bool:
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]


def _square(box: list[float], sides: list[int], size_wh: tuple[int, int]) -> Region | None:
    needed = max(box[2] - box[0], box[3] - box[1])
    side = next((side for side in sides if side >= needed), None)
    if side is None:
        return None
    x1 = _start((box[0] + box[2]) / 2, side, size_wh[0])
    y1 = _start((box[1] + box[3]) / 2, side, size_wh[1])
    return x1, y1, x1 + side, y1 + side


def _start(middle: float, side: int, length: int) -> int:
    return int(min(max(0.0, middle - side / 2), length - side)) // 2 * 2
