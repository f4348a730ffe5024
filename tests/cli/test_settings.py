"""`nexusai settings` as a person runs it: one value, several at once, settings of one's own."""

import json
from pathlib import Path

import pytest

from registry.settings import Settings
from tests.cli.here import here


def _value(settings: Settings, key: str) -> object:
    return json.loads(here(settings, "settings", "get", key, "--json").stdout)["value"]


def test_several_are_changed_or_none(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "changes.json"
    file.write_text('{"limit_user": 600, "jpeg_quality": 90}', encoding="utf-8")
    assert "limit_user is 600 (changed)." in here(settings, "settings", "update", str(file)).stdout
    given = '{"limit_user": 700, "jpeg_quality": 9000}'
    refused = here(settings, "settings", "update", "-", stdin=given)
    assert refused.returncode == 1
    assert "jpeg_quality" in refused.stderr
    assert (_value(settings, "limit_user"), _value(settings, "jpeg_quality")) == (600, 90)


@pytest.mark.parametrize("given", ["", "limit_user = 5", "[]", "{}", "[" * 10_000, '"text"'])
def test_what_is_no_object_of_settings_is_refused(settings: Settings, given: str) -> None:
    refused = here(settings, "settings", "update", "-", stdin=given)
    assert refused.returncode == 1
    assert json.loads(refused.stderr)["error"]["code"] == "setting_invalid"


def test_a_setting_of_ones_own_is_made_and_deleted(settings: Settings) -> None:
    made = here(settings, "settings", "create", "line-3.threshold", "2.5", "--title", "Line 3")
    assert made.stdout == "line-3.threshold is 2.5 (changed).\n"
    assert _value(settings, "line-3.threshold") == 2.5
    assert here(settings, "settings", "create", "line-3.threshold", "3").returncode == 1
    assert here(settings, "settings", "delete", "limit_user").returncode == 1
    assert here(settings, "settings", "delete", "line-3.threshold").returncode == 0
    assert here(settings, "settings", "get", "line-3.threshold").returncode == 1
