"""What happened in words, rules as sentences, bars that begin where the browser's clock says."""

from datetime import UTC, datetime, time, timedelta

import pytest

from app.ui import event_timeline
from app.ui.event_words import KINDS, lasted, what
from app.ui.rule_words import hours, in_vain, sentence
from registry.cameras.configuration import HoursSettings, RuleSettings
from registry.records import CameraEvent, EventKind

AT = datetime(2026, 11, 25, 14, 37, 5, tzinfo=UTC)  # a Wednesday


def event(**more: object) -> CameraEvent:
    return CameraEvent(camera_id="c", camera_name="Yard", started_at=AT, **more)


WHAT: dict[str, tuple[CameraEvent, str]] = {
    "zone": (event(label="person", zones=["door", "yard"]), "person in door and yard"),
    "line": (event(label="car", line="gate", direction="in"), "car crossed gate, in"),
    "neither": (event(label="dog"), "dog"),
    "offline": (event(kind=EventKind.OFFLINE, detail="silent"), "Camera went offline: no pictures come"),
    "back": (event(kind=EventKind.ONLINE), "Camera is back"),
    "hostile": (event(label="**x**"), r"\*\*x\*\*"),
}


@pytest.mark.parametrize("case", WHAT)
def test_an_event_is_told_in_words(case: str) -> None:
    given, words = WHAT[case]
    assert what(given) == words


def test_every_kind_has_its_name() -> None:
    assert set(KINDS) == set(EventKind)


@pytest.mark.parametrize(("seconds", "words"), [(3, "3 s"), (600, "10 min"), (7_200, "2.0 h"), (-4, "0 s")])
def test_how_long_it_lasted(seconds: int, words: str) -> None:
    assert lasted(event(ended_at=AT + timedelta(seconds=seconds))) == words


RULES: dict[str, tuple[dict[str, object], str]] = {
    "nothing": ({"cool_down_s": 0, "min_score": 0}, "When **anything** is seen: an event."),
    "zone": (
        {"labels": ["person", "dog"], "zones": ["door"], "min_duration_s": 2, "min_score": 0.5},
        "When **person or dog** is in door and has been seen for 2 s, sure to 50%: an event. "
        "The next of the same class after 10 s.",
    ),
    "line": (
        {"lines": ["gate"], "cool_down_s": 90, "min_score": 0},
        "When **anything** crosses gate: an event. The next of the same class after 1.5 min.",
    ),
    "loiters": (
        {"must_loiter": True, "cool_down_s": 0},
        "When **anything** loiters in a zone, sure to 50%: an event.",  # as sure as a rule asks for by itself
    ),
}


@pytest.mark.parametrize("case", RULES)
def test_a_rule_is_a_sentence(case: str) -> None:
    fields, words = RULES[case]
    assert sentence(RuleSettings.model_validate({"name": "r", **fields})) == words


def test_classes_that_the_model_does_not_know_are_named_and_nothing_is_said_of_an_unknown_model() -> None:
    known = ("person", "dog")
    assert in_vain(["person", "dog"], known) == in_vain([], known) == in_vain(["persn"], []) == ""
    assert in_vain(["persn", "person", "cat"], known).startswith("The model knows no persn or cat:")


def test_hours_are_named_by_their_days() -> None:
    night = {"begin": time(22), "end": time(6)}
    assert hours(HoursSettings(days=[0, 1, 2, 3, 4], **night)) == "Mon to Fri 22:00 to 06:00"
    assert hours(HoursSettings(days=[5, 0], **night)) == "Mon, Sat 22:00 to 06:00"


CLOCK = AT.replace(tzinfo=None, second=0)
WIDTHS: dict[str, tuple[timedelta, datetime]] = {
    "five minutes": (timedelta(hours=1), CLOCK.replace(minute=35)),
    "an hour": (timedelta(hours=24), CLOCK.replace(minute=0)),
    "a day": (timedelta(days=30), CLOCK.replace(hour=0, minute=0)),
    "a week": (timedelta(days=300), CLOCK.replace(day=23, hour=0, minute=0)),
}


@pytest.mark.parametrize("case", WIDTHS)
def test_bars_begin_on_the_hour_at_midnight_or_on_a_monday(case: str) -> None:
    covered, begin = WIDTHS[case]
    spans = [{"start": AT, "kind": "object", "label": label, "events": 2} for label in ("cat", "cat", "dog")]
    rows = event_timeline.rows(spans, event_timeline.bar_width(covered))
    assert rows["at"].tolist() == [begin, begin]
    assert dict(zip(rows["label"], rows["events"], strict=True)) == {"cat": 4, "dog": 2}


def test_what_is_rare_is_put_together() -> None:
    spans = [{"start": AT, "kind": "object", "label": f"label {n}", "events": 10 - n} for n in range(9)]
    rows = event_timeline.rows(spans, timedelta(hours=1))
    assert len(rows) == 7
    assert rows.loc[rows["label"] == "others", "events"].item() == 4 + 3 + 2
