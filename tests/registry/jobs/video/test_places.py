"""Zones and lines as people write them down: what cannot be is refused by the name of its place."""

import json
from pathlib import Path
from typing import Any

import pytest

from registry.errors import InvalidInput, InvalidZone
from registry.jobs.video.places import asked_about, places_of, read_places

SQUARE = [(0, 0), (1, 0), (1, 1)]
ASKED: dict[str, Any] = {"every": 1, "fps": None, "track": True, "annotate": True}


@pytest.mark.parametrize(
    ("places", "told"),
    [
        ({"zones": [{"name": f"z{n}", "polygon": SQUARE} for n in range(17)]}, "zones: .*at most 16"),
        ({"lines": [{"name": f"l{n}", "start": [0, 0], "end": [1, 1]} for n in range(17)]}, "lines: .*at most 16"),
        ({"zones": [{"name": "a", "polygon": SQUARE[:2]}]}, r"zones\.0\.polygon"),
        ([], "the text"),
    ],
    ids=["zones", "lines", "corners", "no object"],
)
def test_a_file_that_cannot_be_is_refused(tmp_path: Path, places: object, told: str) -> None:
    path = tmp_path / "places.json"
    path.write_text(json.dumps(places))
    with pytest.raises(InvalidZone, match=told):
        read_places(path, **ASKED)


def test_sixteen_of_each_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "places.json"
    zones = [{"name": f"z{n}", "polygon": SQUARE} for n in range(16)]
    lines = [{"name": f"l{n}", "start": [0, 0], "end": [1, 1]} for n in range(16)]
    path.write_text(json.dumps({"zones": zones, "lines": lines}))
    asked = read_places(path, **ASKED)
    assert (len(asked.zones), len(asked.lines)) == (16, 16)


@pytest.mark.parametrize(("field", "value"), [("fps", float("nan")), ("fps", 0.0), ("every", 0)])
def test_a_wrong_field_beside_them_is_named(field: str, value: float) -> None:
    with pytest.raises(InvalidInput, match=f"{field}: "):
        asked_about(**ASKED | {field: value})
    with pytest.raises(InvalidInput, match=f"{field}: "):
        read_places(None, **ASKED | {field: value})
    with pytest.raises(InvalidInput, match=f"{field}: "):
        places_of({}, {}, **ASKED | {field: value})


def test_a_notebooks_seventeenth_zone_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"zones: .*at most 16"):
        places_of({f"z{n}": SQUARE for n in range(17)}, {}, **ASKED)
