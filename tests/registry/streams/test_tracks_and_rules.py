"""From detections to tracks, and from tracks to events."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import cv2
import numpy as np
import pytest

from registry.errors import InvalidZone
from registry.streams.detecting import join
from registry.streams.events import EventPhase
from registry.streams.geometry import Polygon
from registry.streams.rules import Hours, Rule
from registry.streams.tracking import Tracker
from registry.streams.zones import Line, Zone
from registry.testing.scenes import SIZE, Scene, found, frame


def test_an_object_that_moves_keeps_its_number_and_two_keep_theirs() -> None:
    scene = Scene()
    numbers: list[set[int]] = []
    for step in range(20):
        scene.show((100 + step * 20, 100, "a", 0.8), (500 - step * 20, 260, "b", 0.7))
        numbers.append({view.track_id for view in scene.result.tracks})
    assert numbers[-1] == numbers[3]
    assert len(numbers[-1]) == 2


def test_a_label_is_what_most_of_the_looks_say() -> None:
    scene = Scene()
    scene.show((100, 100, "cat", 0.8), times=5)
    scene.show((100, 100, "dog", 0.5), times=1)
    assert [view.label for view in scene.result.tracks] == ["cat"]


def test_an_object_that_rests_is_stationary_until_it_moves() -> None:
    scene = Scene()
    scene.show((100, 100, "a", 0.8), times=18)
    assert not scene.result.tracks[0].is_stationary
    scene.show((101, 100, "a", 0.8), times=8)
    assert scene.result.tracks[0].is_stationary
    scene.show((112, 100, "a", 0.8))
    assert not scene.result.tracks[0].is_stationary


def test_a_track_survives_a_gap_and_ends_after_a_longer_one() -> None:
    tracker = Tracker()
    for step in range(4):
        tracker.update(found((100, 100, "a", 0.8)), SIZE, step * 0.2)
    number = tracker.tracks[0].track_id
    for step in range(4, 8):
        tracker.update(found(), SIZE, step * 0.2)
    seen, _ = tracker.update(found((100, 100, "a", 0.8)), SIZE, 1.6)
    assert [track.track_id for track in seen] == [number]
    ended = [track for step in range(9, 25) for track in tracker.update(found(), SIZE, step * 0.2)[1]]
    assert [track.track_id for track in ended] == [number]


def test_time_in_which_nobody_looked_ends_no_track() -> None:
    tracker = Tracker()
    for step in range(4):
        tracker.update(found((100, 100, "a", 0.8)), SIZE, step * 0.2)
    seen, ended = tracker.update(found((100, 100, "a", 0.8)), SIZE, 600.0)
    assert len(seen) == 1
    assert not ended


def test_an_event_begins_once_holds_the_best_picture_and_ends_with_its_track() -> None:
    scene = Scene(rules=(Rule("person", labels=frozenset({"person"})),))
    scene.show((100, 100, "person", 0.5), times=3, size=40)
    scene.show((110, 110, "person", 0.95), times=1, size=80)
    scene.show((115, 110, "person", 0.6), times=3, size=60)
    scene.show(times=20)
    assert scene.told == [("person", "started"), ("person", "ended")]
    begun, ended = scene.events
    assert begun.event_id == ended.event_id
    assert ended.best_score == pytest.approx(0.95)
    assert ended.snapshot is not None
    assert ended.snapshot.score == pytest.approx(0.95)
    assert ended.ended_at is not None
    assert ended.ended_at > begun.started_at
    assert len(ended.scores) == len(ended.path) == 6, "a track begins with its second look"
    whole = cv2.imdecode(np.frombuffer(ended.snapshot.jpeg, np.uint8), cv2.IMREAD_COLOR)
    small = cv2.imdecode(np.frombuffer(ended.snapshot.thumbnail, np.uint8), cv2.IMREAD_COLOR)
    assert whole.shape == (360, 640, 3)
    assert small.shape == (176, 176, 3)


LEFT = Zone("left", Polygon(((0, 0), (0.5, 0), (0.5, 1), (0, 1))), inertia=2, loiter_s=2.0)
RULE = Rule("r", cool_down_s=0.0)


@pytest.mark.parametrize(
    ("rule", "objects", "happens", "why"),
    [
        (RULE, [(100, 100, "a", 0.6)] * 6, True, "nothing asked for"),
        (replace(RULE, labels=frozenset({"b"})), [(100, 100, "a", 0.6)] * 6, False, "another label"),
        (replace(RULE, min_score=0.7), [(100, 100, "a", 0.6)] * 6, False, "not sure enough"),
        (replace(RULE, min_score=0.7), [(100, 100, "a", 0.5)] * 3 + [(100, 100, "a", 0.9)], False, "one lucky look"),
        (replace(RULE, min_size=0.02), [(100, 100, "a", 0.6)] * 6, False, "3600 of 230400 pixels are too small"),
        (replace(RULE, min_size=0.01), [(100, 100, "a", 0.6)] * 6, True, "large enough"),
        (replace(RULE, min_duration_s=1.5), [(100, 100, "a", 0.6)] * 6, False, "too short"),
        (replace(RULE, min_duration_s=0.5), [(100, 100, "a", 0.6)] * 6, True, "long enough"),
        (replace(RULE, zones=frozenset({"left"})), [(500, 100, "a", 0.6)] * 6, False, "outside the zone"),
        (replace(RULE, zones=frozenset({"left"})), [(100, 100, "a", 0.6)] * 6, True, "inside the zone"),
        (replace(RULE, must_loiter=True), [(100, 100, "a", 0.6)] * 6, False, "does not stay"),
        (replace(RULE, must_loiter=True), [(100, 100, "a", 0.6)] * 16, True, "stays"),
        (replace(RULE, lines=frozenset({"gate"})), [(100, 100, "a", 0.6)] * 6, False, "crosses nothing"),
        (
            replace(RULE, lines=frozenset({"gate"})),
            [(200 + 25 * step, 100, "a", 0.6) for step in range(12)],
            True,
            "crosses",
        ),
    ],
)
def test_a_rule_asks_for_all_it_says(
    rule: Rule, objects: Sequence[tuple[float, float, str, float]], happens: bool, why: str
) -> None:
    scene = Scene(rules=(rule,), zones=(LEFT,), lines=(Line("gate", (0.6, 0.0), (0.6, 1.0)),))
    for each in objects:
        scene.show(each)
    assert bool(scene.events) == happens, why


@pytest.mark.parametrize("unsure_at", range(4, 12))
def test_an_event_is_as_sure_as_its_rule_asks_and_shows_a_sure_look(unsure_at: int) -> None:
    by_line = replace(RULE, name="by line", lines=frozenset({"gate"}), min_score=0.5)
    in_zone = replace(RULE, name="in zone", zones=frozenset({"left"}), min_score=0.5)
    scene = Scene(zones=(LEFT,), lines=(Line("gate", (0.6, 0.0), (0.6, 1.0)),), rules=(by_line, in_zone))
    for step in range(16):
        score = 0.15 if step == unsure_at else 0.9
        scene.show((460 - 25 * step, 100, "a", score))
    begun = [event for event in scene.events if event.phase is EventPhase.STARTED]
    assert {event.rule for event in begun} == {"by line", "in zone"}
    for event in scene.events:
        assert event.best_score == pytest.approx(0.9)
        assert event.snapshot is not None
        assert event.snapshot.score == pytest.approx(0.9)


def test_a_cool_down_keeps_the_next_one_of_the_same_label_quiet() -> None:
    scene = Scene(rules=(Rule("r", cool_down_s=5.0),))
    scene.show((100, 100, "a", 0.8), times=3)
    scene.show((100, 100, "a", 0.8), (500, 300, "a", 0.8), (300, 300, "b", 0.8), times=5)
    assert [event.label for event in scene.events] == ["a", "b"]
    scene.show((100, 100, "a", 0.8), (500, 300, "a", 0.8), (300, 300, "b", 0.8), times=25)
    begun = [event.label for event in scene.events if event.phase is EventPhase.STARTED]
    assert begun == ["a", "b", "a"], "the rule still holds after it"


def test_a_schedule_is_local_time_and_may_go_over_midnight() -> None:
    night = Hours(frozenset({0}), time(22), time(6))
    zone = ZoneInfo("Europe/Berlin")
    monday = datetime(2026, 1, 5, tzinfo=zone)
    hours = {hour: night.covers(monday + timedelta(hours=hour)) for hour in (3, 12, 22, 24 + 5, 24 + 6, 24 + 22)}
    assert hours == {3: False, 12: False, 22: True, 29: True, 30: False, 46: False}
    scene = Scene(rules=(Rule("r", schedule=(Hours(frozenset({0}), time(13), time(14)),)),), time_zone=zone)
    scene.show((100, 100, "a", 0.8), times=3)
    assert scene.events, "noon in UTC is one o'clock in Berlin"
    assert not Scene(rules=(Rule("r", schedule=(Hours(frozenset({1}), time(0), time(23)),)),)).events


def test_a_fault_ends_open_events_and_forgets_tracks() -> None:
    scene = Scene(rules=(RULE,))
    scene.show((100, 100, "a", 0.8), times=3)
    assert [event.phase for event in scene.lane.reset()] == [EventPhase.ENDED]
    assert scene.lane.reset() == []


def test_crops_are_put_back_where_they_were_cut() -> None:
    regions = [(0, 0, 256, 256), (128, 64, 384, 320)]
    one, same = found((200, 150, "a", 0.9)), found((200 - 128, 150 - 64, "a", 0.8))
    joined, is_cut = join(frame(0.0), regions, [one, same])
    assert len(joined) == 1, "what two regions show is one object"
    np.testing.assert_allclose(joined.xyxy[0], one.xyxy[0])
    assert not is_cut
    _, is_cut = join(frame(0.0), [(128, 64, 384, 320)], [found((255, 100, "a", 0.9))])
    assert is_cut


@pytest.mark.parametrize("answer", [None, [], np.zeros((1, 4))])
def test_an_answer_that_is_none_is_refused(answer: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        join(frame(0.0), [(0, 0, *SIZE)], [answer])  # type: ignore[list-item]


@pytest.mark.parametrize("wrong", [{"name": ""}, {"min_size": 1.1}, {"min_score": -0.1}, {"cool_down_s": -1}])
def test_a_rule_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidZone):
        replace(RULE, **wrong)  # type: ignore[arg-type]


def test_a_crop_has_the_pixels_of_the_whole() -> None:
    rng = np.random.default_rng(1)
    image = cv2.resize(rng.integers(0, 255, (36, 64, 3), np.uint8), SIZE, interpolation=cv2.INTER_CUBIC)
    data = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420).tobytes()
    made = replace(frame(0.0), data=data)
    np.testing.assert_array_equal(made.crop_bgr((128, 64, 384, 320)), made.to_bgr()[64:320, 128:384])
