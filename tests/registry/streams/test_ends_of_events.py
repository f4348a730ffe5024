"""When an event is over."""

from datetime import datetime, timedelta

import pytest

from registry.streams.events import Event, EventPhase
from registry.streams.geometry import Polygon
from registry.streams.rules import Rule
from registry.streams.zones import Line, Zone
from registry.testing.scenes import Scene

LEFT = Zone("left", Polygon(((0, 0), (0.5, 0), (0.5, 1), (0, 1))), inertia=2, loiter_s=2.0)
GATE = Line("gate", (0.6, 0.0), (0.6, 1.0))  # x = 384
STARTED, ENDED = ("r", "started"), ("r", "ended")


def walk(scene: Scene, begin: int, end: int, step: int = 20) -> None:
    for x in range(begin, end, step if begin < end else -step):
        scene.show((x, 100, "a", 0.8))


def lasted_s(events: list[Event]) -> list[float]:
    return [(each.ended_at - each.started_at).total_seconds() for each in events if each.ended_at]


def test_who_goes_in_and_comes_out_makes_two_events_that_are_over_at_once() -> None:
    scene = Scene(rules=(Rule("r", lines=frozenset({"gate"}), cool_down_s=0.0),), lines=(GATE,))
    walk(scene, 260, 500)
    assert scene.told == [STARTED, ENDED]
    walk(scene, 500, 260)
    assert scene.told == [STARTED, ENDED] * 2
    assert len({event.track_id for event in scene.events}) == 1, "it is one track all the time"
    assert len({event.event_id for event in scene.events}) == 2
    assert [event.direction for event in scene.events] == ["out", "out", "in", "in"]
    assert lasted_s(scene.events) == [0.0, 0.0]
    assert all(event.line == "gate" and event.snapshot for event in scene.events)


def test_a_cool_down_holds_for_lines_too() -> None:
    scene = Scene(rules=(Rule("r", lines=frozenset({"gate"}), cool_down_s=60.0),), lines=(GATE,))
    walk(scene, 260, 500)
    walk(scene, 500, 260)
    assert scene.told == [STARTED, ENDED]


def test_two_lines_crossed_in_one_step_are_two_events() -> None:
    lines = (Line("one", (0.5, 0.0), (0.5, 1.0), inertia=1), Line("two", (0.6, 0.0), (0.6, 1.0), inertia=1))
    rules = tuple(Rule(line.name, lines=frozenset({line.name})) for line in lines)
    both = Rule("both", lines=frozenset({"one", "two"}), cool_down_s=0.0)
    scene = Scene(rules=(*rules, both), lines=lines)
    scene.show((280, 150, "a", 0.8), times=3, size=300)
    scene.show((400, 150, "a", 0.8), times=3, size=300)
    begun = [(event.rule, event.line) for event in scene.events if event.phase is EventPhase.STARTED]
    assert begun == [("one", "one"), ("two", "two"), ("both", "one"), ("both", "two")]
    assert len(scene.events) == 2 * len(begun)


def test_an_event_ends_once_its_object_stands_still_and_another_begins_when_it_moves_on() -> None:
    scene = Scene(rules=(Rule("r", cool_down_s=0.0),))
    walk(scene, 100, 300)
    scene.show((300, 100, "a", 0.8), times=100)
    assert scene.told == [STARTED, ENDED]
    assert 5.0 < lasted_s(scene.events)[0] < 8.0, "two seconds of way, four of standing"
    for x in (312, 300, 290, 300) * 10:  # somebody gets out of the car
        scene.show((x, 100, "a", 0.8), times=2)
    assert scene.told == [STARTED, ENDED]
    walk(scene, 300, 600)
    assert scene.told == [STARTED, ENDED, STARTED]
    assert len({event.track_id for event in scene.events}) == 1


def test_what_stands_for_long_before_its_event_begins_does_not_keep_it_open() -> None:
    scene = Scene(rules=(Rule("r", min_duration_s=10.0),))
    scene.show((100, 100, "a", 0.8), times=300)
    assert scene.told == [STARTED, ENDED]
    assert lasted_s(scene.events)[0] == pytest.approx(4.0, abs=0.3)


def test_an_event_ends_when_its_object_has_left_the_zone_and_another_begins_when_it_is_back() -> None:
    scene = Scene(rules=(Rule("r", zones=frozenset({"left"}), cool_down_s=0.0),), zones=(LEFT,))
    walk(scene, 100, 320)
    assert scene.told == [STARTED]
    walk(scene, 320, 361)
    assert scene.told == [STARTED, ENDED], "after as many looks as the zone wants, with the track going on"
    walk(scene, 360, 500)
    walk(scene, 500, 200)
    assert scene.told == [STARTED, ENDED, STARTED]


def test_who_loiters_does_so_once_until_he_leaves() -> None:
    scene = Scene(rules=(Rule("r", must_loiter=True, cool_down_s=0.0),), zones=(LEFT,))
    scene.show((100, 100, "a", 0.8), times=60)
    assert scene.told == [STARTED, ENDED]
    walk(scene, 100, 240)
    walk(scene, 240, 100)
    scene.show((100, 100, "a", 0.8), times=30)
    assert scene.told == [STARTED, ENDED], "up and down in the same zone is one stay"
    walk(scene, 100, 500)
    walk(scene, 500, 100)
    scene.show((100, 100, "a", 0.8), times=60)
    assert scene.told == [STARTED, ENDED] * 2


@pytest.mark.parametrize("set_by", [timedelta(hours=-1), timedelta(hours=1)])
def test_a_clock_that_is_set_meanwhile_changes_no_duration(set_by: timedelta) -> None:
    scene = Scene(rules=(Rule("r"),))
    walk(scene, 100, 300)
    scene.clock += set_by
    walk(scene, 300, 500)
    scene.show(times=20)
    assert scene.told == [STARTED, ENDED]
    assert lasted_s(scene.events)[0] == pytest.approx(5.3, abs=0.5)
    for event in scene.events:
        assert isinstance(event.started_at, datetime)
        assert event.ended_at is None or event.ended_at >= event.started_at


def test_a_lane_that_is_reset_ends_its_events_with_its_last_frame() -> None:
    scene = Scene(rules=(Rule("r"),))
    walk(scene, 100, 300)
    [ended] = scene.lane.reset()
    assert (ended.rule, ended.phase) == ("r", EventPhase.ENDED)
    assert ended.ended_at == scene.captured_at
