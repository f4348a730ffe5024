"""Where in an image to look: points and boxes in source pixels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from registry.errors import InvalidInput

MOST_PROMPTS = 64


@dataclass(frozen=True, slots=True)
class Prompts:
    """What to segment. `points` together mark one object; each of `boxes` marks one of its own.

    A point is (x, y) or (x, y, 1) for a place on the object, (x, y, 0) for one beside it; a box is (x1, y1, x2, y2).

    Raises:
        InvalidInput: neither a point nor a box, too many, or numbers that are none of these.
    """

    points: Sequence[Sequence[float]] = ()
    boxes: Sequence[Sequence[float]] = ()

    def __post_init__(self) -> None:
        if not 1 <= len(self.points) + len(self.boxes) <= MOST_PROMPTS:
            raise InvalidInput(f"name 1 to {MOST_PROMPTS} points and boxes", details={"field": "points"})
        for point in self.points:
            if len(point) not in (2, 3) or not _finite(point) or (len(point) == 3 and point[2] not in (0, 1)):
                raise InvalidInput(
                    "a point is [x, y] or [x, y, 1 on or 0 beside the object]", details={"field": "points"}
                )
        if self.points and all(len(point) == 3 and not point[2] for point in self.points):
            raise InvalidInput("at least one point lies on the object", details={"field": "points"})
        for box in self.boxes:
            if len(box) != 4 or not _finite(box) or box[2] <= box[0] or box[3] <= box[1]:
                raise InvalidInput("a box is [x1, y1, x2, y2] with x1 < x2 and y1 < y2", details={"field": "boxes"})


def _finite(values: Sequence[float]) -> bool:
    return all(math.isfinite(value) for value in values)
