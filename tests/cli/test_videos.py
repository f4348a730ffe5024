"""Videos from the command line: what is asked in vain is refused in a sentence."""

import json
from pathlib import Path

import pytest

from registry.settings import Settings
from tests.cli.here import here


@pytest.mark.parametrize(
    ("count", "options", "told"), [(17, (), "zones: Tuple should have at most 16 items"), (1, ("--fps", "nan"), "fps")]
)
def test_what_cannot_be_asked_is_refused(
    settings: Settings, tmp_path: Path, count: int, options: tuple[str, ...], told: str
) -> None:
    assert here(settings, "db", "upgrade").returncode == 0
    places = tmp_path / "places.json"
    zones = [{"name": f"z{number}", "polygon": [[0, 0], [1, 0], [1, 1]]} for number in range(count)]
    places.write_text(json.dumps({"zones": zones}))
    asked = ("jobs", "submit", "video", str(places), "--model", "m", "--places", str(places))
    refused = here(settings, *asked, *options)
    assert refused.returncode
    assert told in refused.stderr


def test_a_camera_goes_with_its_times_and_without_a_file(settings: Settings, tmp_path: Path) -> None:
    assert here(settings, "db", "upgrade").returncode == 0
    times = ("--from", "2026-05-04T08:00", "--to", "2026-05-04T09:00")
    for asked, told in (
        (("--camera", "Yard"), "--from and --to"),
        (("--camera", "Yard", *times[:2]), "--from and --to"),
        ((str(tmp_path / "a.mp4"), *times), "--from and --to"),
        ((str(tmp_path / "a.mp4"), "--camera", "Yard", *times), "--camera"),
        (("--camera", "Yard", *times), "there is no camera 'Yard'"),
    ):
        refused = here(settings, "jobs", "submit", "video", "--model", "m", *asked)
        assert refused.returncode
        assert told in refused.stderr
