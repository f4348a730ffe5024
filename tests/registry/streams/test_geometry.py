"""Polygons, lines, where tracks are."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from registry.errors import InvalidZone
from registry.streams.geometry import Polygon, meet
from registry.streams.tracking import Track
from registry.streams.zones import Line, Places, Zone

LEFT = Polygon(((0, 0), (0.5, 0), (0.5, 1), (0, 1)))
coordinate = st.floats(0, 1)
point = st.tuples(coordinate, coordinate)


@pytest.mark.parametrize(
    ("points", "why"),
    [
        (((0, 0), (1, 1)), "two corners"),
        (((0, 0), (1, 1), (1, 0), (0, 1)), "a bow tie"),
        (((0, 0), (1, 0), (1, 1), (0.5, 0), (0, 1)), "a corner on another edge"),
        (((0, 0), (1, 0), (0.5, 0), (0.5, 1)), "back along itself"),
        (((0, 0), (1, 0), (1, 0), (0, 1)), "the same corner twice"),
        (((0, 0), (0.5, 0.5), (1, 1)), "no area"),
        (((0, 0), (0.001, 0), (0, 0.001)), "hardly any area"),
        (((0, 0), (1.01, 0), (0, 1)), "outside the picture"),
        (((0, 0), (-0.01, 0.5), (0, 1)), "outside the picture"),
        (((0, 0), (math.nan, 0.5), (0, 1)), "no number"),
        (((0, 0), (math.inf, 0.5), (0, 1)), "no number"),
        (tuple((0.5 + 0.4 * math.cos(k / 11), 0.5 + 0.4 * math.sin(k / 11)) for k in range(65)), "too many corners"),
    ],
)
def test_what_is_no_zone_is_refused(points: tuple[tuple[float, float], ...], why: str) -> None:
    with pytest.raises(InvalidZone):
        Polygon(points)


@given(st.lists(st.floats(0.05, 0.5), min_size=3, max_size=12), point)
def test_a_star_shaped_zone_is_accepted_and_agrees_with_opencv(spokes: list[float], where: tuple[float, float]) -> None:
    import cv2
    import numpy as np

    turn = 2 * math.pi / len(spokes)
    corners = tuple(
        (0.5 + length * math.cos(k * turn), 0.5 + length * math.sin(k * turn)) for k, length in enumerate(spokes)
    )
    assume(sum(spokes) > 0.3)  # not too small to be a zone
    zone = Polygon(corners)
    distance = cv2.pointPolygonTest(np.array(corners, np.float32), where, True)
    if abs(distance) > 1e-4:
        assert zone.contains(where) == (distance > 0)


@given(point, point, point, point)
def test_crossing_does_not_depend_on_the_order(
    a: tuple[float, float], b: tuple[float, float], c: tuple[float, float], d: tuple[float, float]
) -> None:
    assert meet(a, b, c, d) == meet(c, d, a, b) == meet(b, a, d, c)


def at(x: float, y: float = 0.5, track_id: int = 1) -> Track:
    return Track(track_id, (x - 0.02, y - 0.1, x + 0.02, y), 0.9, 0.0, 0.0)


def test_a_zone_is_entered_and_left_after_its_inertia() -> None:
    places = Places((Zone("left", LEFT, inertia=3),))
    said = []
    for step, x in enumerate((0.6, 0.4, 0.6, 0.4, 0.4, 0.4, 0.6, 0.6, 0.4, 0.6, 0.6, 0.6)):
        places.update([at(x)], float(step))
        said.append(bool(places.zones_of(1)))
    assert said == [False] * 5 + [True] * 6 + [False], "one look too few does not count, either way"


def test_who_stays_long_loiters() -> None:
    places = Places((Zone("left", LEFT, inertia=1, loiter_s=5.0),))
    places.update([at(0.4)], 10.0)
    assert places.loiters(1, 14.9) == []
    assert places.loiters(1, 15.0) == ["left"]
    places.update([at(0.6)], 16.0)
    assert places.loiters(1, 30.0) == []


DOOR = Line("door", (0.5, 0.2), (0.5, 0.8), inertia=2)


@pytest.mark.parametrize(
    ("way", "crossings", "why"),
    [
        ((0.4, 0.45, 0.55, 0.6), [("door", True)], "from its left, seen downwards: the right of the picture"),
        ((0.6, 0.55, 0.45, 0.4), [("door", False)], "and back"),
        ((0.4, 0.55, 0.45, 0.55, 0.4), [], "a box that trembles on the line"),
        ((0.4, 0.55, 0.6, 0.55, 0.4, 0.4), [("door", True), ("door", False)], "there and back"),
        ((0.4, 0.5, 0.6, 0.65), [("door", True)], "a look right on the line"),
    ],
)
def test_a_line_is_crossed_once_and_in_its_direction(
    way: tuple[float, ...], crossings: list[tuple[str, bool]], why: str
) -> None:
    wanted = [(name, not is_right) for name, is_right in crossings]
    places = Places(lines=(DOOR,))
    found = [crossing for step, x in enumerate(way) for crossing in places.update([at(x)], float(step))]
    assert [(crossing.line, crossing.is_in) for crossing in found] == wanted, why
    assert sum(places.counts.values()) == len(wanted)


def test_who_walks_round_the_end_of_a_line_does_not_cross_it() -> None:
    places = Places(lines=(DOOR,))
    way = [(0.4, 0.5), (0.4, 0.9), (0.6, 0.9), (0.6, 0.5), (0.6, 0.5)]
    assert [places.update([at(x, y)], 0.0) for x, y in way] == [[]] * 5


def test_a_track_that_ended_is_forgotten() -> None:
    places = Places((Zone("left", LEFT, inertia=1),), (DOOR,))
    places.update([at(0.4)], 0.0)
    places.forget(1)
    assert places.zones_of(1) == []
    assert not places._present
    assert not places._beside


@pytest.mark.parametrize("name", ["", "x" * 65, "a\nb"])
def test_names_are_names(name: str) -> None:
    with pytest.raises(InvalidZone):
        Zone(name, LEFT)
