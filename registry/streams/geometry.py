"""Polygons with segments, in coordinates normalised to the picture: 0..1 from the top left."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from registry.errors import InvalidZone

Point = tuple[float, float]
MAX_POINTS = 64
_LEAST_AREA = 1e-4
_EPSILON = 1e-12


@dataclass(frozen=True, slots=True)
class Polygon:
    """A simple polygon. Raises InvalidZone when made of fewer than three corners, corners outside the picture,
    edges that cross or touch, or hardly any area."""

    points: tuple[Point, ...]

    def __post_init__(self) -> None:
        if not 3 <= len(self.points) <= MAX_POINTS:
            raise InvalidZone(f"a zone has 3 to {MAX_POINTS} corners, not {len(self.points)}")
        check_points(self.points)
        if _crosses_itself(self.points):
            raise InvalidZone("the edges of a zone may neither cross nor touch one another")
        if self.area < _LEAST_AREA:
            raise InvalidZone("a zone covers at least a ten-thousandth of the picture")

    @property
    def area(self) -> float:
        """The share of the picture inside."""
        return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in edges(self.points))) / 2

    def contains(self, point: Point) -> bool:
        """Whether a point is inside; of an edge either may be said."""
        x, y = point
        inside = False
        for (x1, y1), (x2, y2) in edges(self.points):
            if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
                inside = not inside
        return inside


def check_points(points: Sequence[Point]) -> None:
    """Raises InvalidZone naming the first point that is not inside the picture."""
    for number, (x, y) in enumerate(points, start=1):
        if not (math.isfinite(x) and math.isfinite(y) and 0 <= x <= 1 and 0 <= y <= 1):
            raise InvalidZone(f"point {number} ({x:g}, {y:g}) is not inside the picture, 0 to 1 both ways")


def edges(points: Sequence[Point]) -> list[tuple[Point, Point]]:
    """The closed outline."""
    return list(zip(points, [*points[1:], points[0]], strict=True))


def side(a: Point, b: Point, point: Point) -> int:
    """1 left of the way from a to b as seen on the picture, -1 right of it, 0 on the line."""
    cross = (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])
    return 0 if abs(cross) < _EPSILON else (-1 if cross > 0 else 1)


def meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether the segments a-b and c-d cross or touch."""
    one, two, three, four = side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)
    if one != two and three != four:
        return True
    return any(
        turn == 0 and _within(start, end, point)
        for turn, start, end, point in ((one, a, b, c), (two, a, b, d), (three, c, d, a), (four, c, d, b))
    )


def _within(a: Point, b: Point, point: Point) -> bool:
    return all(min(a[axis], b[axis]) - _EPSILON <= point[axis] <= max(a[axis], b[axis]) + _EPSILON for axis in (0, 1))


def _crosses_itself(points: Sequence[Point]) -> bool:
    outline = edges(points)
    count = len(outline)
    if len(set(points)) < count:
        return True
    for first in range(count):
        for second in range(first + 1, count):
            (a, b), (c, d) = outline[first], outline[second]
            if second == first + 1 or (first == 0 and second == count - 1):
                shared, free_one, free_two = (b, a, d) if b == c else (a, b, c)
                if side(free_one, shared, free_two) == 0 and (
                    _within(shared, free_one, free_two) or _within(shared, free_two, free_one)
                ):
                    return True  # it goes back along itself
            elif meet(a, b, c, d):
                return True
    return False
