"""Schedules, backups and the way back from the command line."""

import json
import subprocess
from typing import Any

import pytest

from registry.settings import Settings, child_environment
from registry.testing.platform import nexusai


def run(settings: Settings, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = child_environment(settings, COLUMNS="200")
    return subprocess.run(
        nexusai(*arguments), input=stdin, env=environment, capture_output=True, text=True, timeout=120
    )


def told(settings: Settings, *arguments: str) -> Any:
    done = run(settings, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def home(settings: Settings) -> Settings:
    assert run(settings, "db", "upgrade").returncode == 0
    return settings


def test_schedules_are_added_changed_and_run(home: Settings) -> None:
    added = ("schedules", "add", "Weekly", "--kind", "clean", "--cron", "0 4 * * 0", "--set", "dry_run=false")
    made = told(home, *added, "--set", "job_days=14")
    assert made["parameters"] == {"dry_run": False, "job_days": 14, "history_days": 90}
    changed = told(home, "schedules", "change", "Weekly", "--set", "job_days=7", "--pause")
    assert (changed["parameters"]["job_days"], changed["cron"], changed["next_at"]) == (7, "0 4 * * 0", None)
    assert told(home, "schedules", "run", made["id"][:8])["kind"] == "clean"
    refused = run(home, "clean", "--really")
    assert "queued already" in refused.stderr
    never = run(home, "schedules", "add", "Never", "--kind", "clean", "--cron", "0 0 31 2 *")
    assert never.returncode
    assert "never comes" in never.stderr
    assert "is removed" in run(home, "schedules", "remove", "Weekly").stdout


def test_a_backup_is_made_and_restored(home: Settings) -> None:
    made = told(home, "backup")
    assert [each["what"] for each in made["files"]] == ["records"]
    later = ("admin", "create", "--username", "linus", "--password-stdin")
    assert run(home, *later, stdin="battery horse correct").returncode == 0
    assert run(home, "restore", stdin="n\n").returncode == 1, "nobody said yes"
    assert told(home, "restore", made["name"], "--yes")["restored"] == made["name"]
    assert told(home, "users", "list") == []
