"""Segments of a video side by side: in their order, a few ahead, called off when nobody waits any more."""

from collections.abc import Callable
from contextlib import closing

import pytest

from registry.jobs.video.parts import Rows
from registry.jobs.video.segments import Segment
from registry.jobs.video.side_by_side import side_by_side
from registry.testing.watched import wait_until


@pytest.mark.parametrize("lanes", [1, 3])
def test_only_a_few_segments_are_begun_before_they_are_asked_for(lanes: int) -> None:
    begun: list[int] = []
    cut = [Segment(number, float(number), number + 1.0, 1) for number in range(40)]

    def look_at(segment: Segment, _called_off: Callable[[], bool]) -> Rows:
        begun.append(segment.number)
        return Rows(times=[segment.start_s])

    with closing(side_by_side(cut, lanes, look_at)) as found:
        for number, rows in enumerate(found, 1):
            assert rows.times == [number - 1.0], "they come in their order"
            assert len(begun) <= number + 2 * lanes
    assert sorted(begun) == list(range(40))


def test_segments_that_nobody_waits_for_any_more_are_called_off() -> None:
    cut = [Segment(number, float(number), number + 1.0, 1) for number in range(40)]
    ended: list[int] = []

    def look_at(segment: Segment, called_off: Callable[[], bool]) -> Rows:
        if segment.number:
            wait_until(called_off, 30)
            ended.append(segment.number)
        return Rows()

    found = side_by_side(cut, 2, look_at)
    next(found)
    found.close()
    assert 0 < len(ended) <= 4
