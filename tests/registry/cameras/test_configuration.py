"""What people configure of a camera: what fits, what is refused with which words."""

import math
from datetime import time
from typing import Any

import pytest

from registry.cameras.asked import CameraChange, NewCamera
from registry.cameras.configuration import AnalysisSettings, analysis_of, merged, parsed
from registry.cameras.recording import RecordingSettings, recording_of
from registry.errors import InvalidInput, InvalidZone

TRIANGLE = [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]
DOOR = {"name": "door", "points": TRIANGLE, "loiter_s": 5}


def test_what_is_stored_is_read_back_as_it_was() -> None:
    given = {
        "motion": {"sensitivity": 0.8, "masks": [TRIANGLE]},
        "zones": [DOOR],
        "lines": [{"name": "gate", "start": [0, 0.5], "end": [1, 0.5]}],
        "rules": [
            {
                "name": "night",
                "labels": ["person"],
                "zones": ["door"],
                "must_loiter": True,
                "schedule": [{"days": [0, 6], "begin": "22:00", "end": "06:00"}],
            },
            {"name": "through", "lines": ["gate"], "cool_down_s": 0},
        ],
        "time_zone": "Europe/Berlin",
        "confidence": 0.3,
    }
    made = analysis_of(given)
    assert analysis_of(made.model_dump(mode="json")) == made
    options = made.options()
    assert [zone.name for zone in options.zones] == ["door"]
    assert options.rules[0].schedule[0].begin == time(22)
    assert options.tracking.activation == options.tracking.confident == 0.3
    assert options.motion is not None
    assert len(options.motion.masks) == 1
    assert analysis_of({"motion": {"on": False}, "regions": False}).options().motion is None


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"zones": [{"name": "z", "points": [[0, 0], [1, 1], [1, 0], [0, 1]]}]}, InvalidZone, "cross"),  # a bow tie
        ({"zones": [{"name": "z", "points": [[0, 0], [1.2, 0], [1, 1]]}]}, InvalidZone, "not inside the picture"),
        ({"zones": [{"name": "z", "points": [[0, 0], [-0.1, 0], [1, 1]]}]}, InvalidZone, "not inside the picture"),
        ({"zones": [{"name": "z", "points": [[0, 0], [1, 1]]}]}, InvalidZone, "3 to 64 corners"),
        ({"zones": [{"name": "z", "points": [[0, 0], [0.001, 0], [0, 0.001]]}]}, InvalidZone, "ten-thousandth"),
        ({"zones": [{"name": "z", "points": TRIANGLE}] * 2}, InvalidZone, "two zones are called 'z'"),
        ({"zones": [{"name": "z", "points": [[0, 0], [1, math.nan], [1, 1]]}]}, InvalidInput, "finite"),
        ({"zones": [{"name": "z", "points": [[0, 0, 0], [1, 0], [1, 1]]}]}, InvalidInput, "zones.0.points.0"),
        ({"zones": [{"name": "", "points": TRIANGLE}]}, InvalidInput, "zones.0.name"),
        ({"zones": [{"name": "a\u202eb", "points": TRIANGLE}]}, InvalidInput, "printable"),
        ({"zones": [{"name": f"z{n}", "points": TRIANGLE} for n in range(33)]}, InvalidInput, "32"),
        ({"motion": {"masks": [[[0, 0], [1, 1]]]}}, InvalidZone, "mask 1"),
        ({"zones": [{"name": "z", "points": [[0, 0], [True, 0], [1, 1]]}]}, InvalidInput, "zones.0.points.1.0"),
        ({"motion": {"masks": [[[0, 0], ["1", 0], [1, 1]]]}}, InvalidInput, "motion.masks.0.1.0"),
        ({"lines": [{"name": "l", "start": [0, False], "end": [0, 1]}]}, InvalidInput, "lines.0.start.1"),
        ({"motion": {"sensitivity": 1.5}}, InvalidInput, "motion.sensitivity"),
        ({"lines": [{"name": "l", "start": [0, 0], "end": [0, 0.001]}]}, InvalidZone, "too short"),
        ({"rules": [{"name": "r", "zones": ["cellar"]}]}, InvalidZone, "no zone 'cellar'"),
        ({"rules": [{"name": "r", "lines": ["gate"]}]}, InvalidZone, "no line 'gate'"),
        ({"rules": [{"name": "r", "must_loiter": True}]}, InvalidZone, "loiters"),  # nobody ever would
        ({"rules": [{"name": "r"}, {"name": "r"}]}, InvalidZone, "two rules"),
        ({"rules": [{"name": "r", "min_score": 2}]}, InvalidInput, "min_score"),
        ({"rules": [{"name": "r", "schedule": [{"begin": "25:00", "end": "06:00"}]}]}, InvalidInput, "begin"),
        ({"rules": [{"name": "r", "schedule": [{"begin": "08:00Z", "end": "06:00"}]}]}, InvalidInput, "time zone"),
        ({"rules": [{"name": "r", "schedule": [{"begin": "08:00", "end": "08:00"}]}]}, InvalidInput, "never hold"),
        (
            {"rules": [{"name": "r", "schedule": [{"days": [7], "begin": "08:00", "end": "09:00"}]}]},
            InvalidInput,
            "days",
        ),
        ({"time_zone": "../../etc/passwd"}, InvalidInput, "time zone"),
        ({"height": 361}, InvalidInput, "height"),  # the decoder wants an even one
        ({"zoness": []}, InvalidInput, "zoness"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(given: dict[str, Any], error: type[InvalidInput], said: str) -> None:
    with pytest.raises(error, match=said) as refused:
        analysis_of(given)
    assert refused.type is error


def test_a_rule_that_nobody_can_keep_is_told_how_somebody_can() -> None:
    with pytest.raises(InvalidZone) as refused:
        analysis_of({"zones": [DOOR | {"loiter_s": 0}], "rules": [{"name": "r", "must_loiter": True}]})
    assert "loiter_s" in refused.value.hint
    assert "Draw" not in refused.value.hint


@pytest.mark.parametrize("kind", [NewCamera, CameraChange])
def test_zones_are_given_in_one_place(kind: type[NewCamera] | type[CameraChange]) -> None:
    base = {"name": "n", "url": "rtsp://10.0.0.1/"}
    with pytest.raises(InvalidInput, match=r"zones and analysis\.zones differ"):
        parsed(kind, {**base, "zones": [DOOR], "analysis": {"zones": []}}, "camera")
    for one in ({"zones": [DOOR]}, {"zones": [DOOR], "analysis": {"zones": [DOOR]}}):
        assert parsed(kind, {**base, **one}, "camera").zones is not None
    assert parsed(kind, {**base, "zones": [DOOR], "analysis": {"height": 480}}, "camera").zones is not None


def test_a_change_leaves_what_it_does_not_name() -> None:
    stored = analysis_of({"motion": {"sensitivity": 0.8}, "zones": [DOOR]}).model_dump(mode="json")
    change = AnalysisSettings.model_validate({"motion": {"min_area": 0.01}, "rules": []})
    made = analysis_of(merged(stored, change))
    assert (made.motion.sensitivity, made.motion.min_area, len(made.zones), made.rules) == (0.8, 0.01, 1, [])
    kept = recording_of({"mode": "events", "retention_days": {"events": 9}}).model_dump(mode="json")
    change_2 = RecordingSettings.model_validate({"retention_days": {"motion": 1}})
    after = recording_of(merged(kept, change_2))
    assert (after.mode, after.retention_days.events, after.retention_days.motion) == ("events", 9, 1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"url": "rtsp://10.0.0.1/"}, "name"),
        ({"name": " ", "url": "rtsp://10.0.0.1/"}, "name"),
        ({"name": "a\nb", "url": "rtsp://10.0.0.1/"}, "control"),
        ({"name": "n" * 81, "url": "rtsp://10.0.0.1/"}, "name"),
        ({"name": "n", "url": "rtsp://10.0.0.1/", "password": "a\r\nb"}, "control"),
        ({"name": "n", "url": "rtsp://10.0.0.1/", "analysed_fps": 0}, "analysed_fps"),
        ({"name": "n", "url": "rtsp://10.0.0.1/", "analysed_fps": math.inf}, "analysed_fps"),
        ({"name": "n", "url": "rtsp://10.0.0.1/", "recording": {"mode": "always"}}, "recording.mode"),
        ({"name": "n", "url": "rtsp://10.0.0.1/", "recording": {"mode": "off", "pre_s": -1}}, "pre_s"),
        ({"name": "n", "url": "rtsp://10.0.0.1/", "owner_id": "me"}, "owner_id"),
    ],
)
def test_a_camera_that_is_asked_for_wrongly_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        parsed(NewCamera, given, "camera")


def test_a_password_is_in_no_text_of_what_is_asked() -> None:
    asked = NewCamera(name="n", url="rtsp://10.0.0.1/", username="bob", password="hunter2")  # type: ignore[arg-type]
    change = CameraChange(password="hunter2")  # type: ignore[arg-type]
    assert "hunter2" not in f"{asked!r} {change!r} {asked.model_dump_json()}"
