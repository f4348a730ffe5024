"""Schedules, backups and the way back from the command line."""

import json
from typing import Any

import pytest

from registry.records import Schedule, open_database
from registry.settings import Settings
from tests.cli.here import here


def told(settings: Settings, *arguments: str) -> Any:
    done = here(settings, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def home(settings: Settings) -> Settings:
    assert here(settings, "db", "upgrade").returncode == 0
    return settings


def test_schedules_are_added_changed_and_run(home: Settings) -> None:
    added = ("schedules", "add", "Weekly", "--kind", "clean", "--cron", "0 4 * * 0", "--set", "dry_run=false")
    made = told(home, *added, "--set", "job_days=14")
    assert made["parameters"] == {"dry_run": False, "job_days": 14, "history_days": 90}
    changed = told(home, "schedules", "change", "Weekly", "--set", "job_days=7", "--pause")
    assert (changed["parameters"]["job_days"], changed["cron"], changed["next_at"]) == (7, "0 4 * * 0", None)
    assert told(home, "schedules", "run", made["id"][:8])["kind"] == "clean"
    refused = here(home, "clean", "--really")
    assert "queued already" in refused.stderr
    never = here(home, "schedules", "add", "Never", "--kind", "clean", "--cron", "0 0 31 2 *")
    assert never.returncode
    assert "never comes" in never.stderr
    taken = here(home, *added)
    assert "has a schedule 'Weekly' already" in taken.stderr
    with open_database(home.records_url).write() as session:
        about = {"kind": "clean", "cron": "0 4 * * 0", "time_zone": "UTC"}
        session.add(Schedule(id="f" * 32, name="Weekly", owner_id="a", owner_name="ada", **about))
    told_of = "".join(here(home, "schedules", "run", "Weekly").stderr.split())
    assert made["id"] in told_of
    assert f"{'f' * 32}(ada)" in told_of
    assert "is removed" in here(home, "schedules", "remove", made["id"]).stdout


def test_a_backup_is_made_and_restored(home: Settings) -> None:
    made = told(home, "backup")
    assert [each["what"] for each in made["files"]] == ["records"]
    later = ("admin", "create", "--username", "linus", "--password-stdin")
    assert here(home, *later, stdin="battery horse correct").returncode == 0
    assert here(home, "restore", stdin="n\n").returncode == 1, "nobody said yes"
    assert told(home, "restore", made["name"], "--yes")["restored"] == made["name"]
    assert told(home, "users", "list") == []
