"""`nexusai audit` as a person runs it."""

import csv
import io
import json
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import text

from registry.access.actor import local_actor
from registry.access.trail import trace_alone
from registry.records import Database
from registry.settings import Settings, child_environment
from registry.testing.platform import nexusai


@pytest.fixture
def home(settings: Settings, sqlite: Database) -> Settings:
    """A home whose trail has three entries."""
    trace_alone(sqlite, local_actor(), "user.create", "user:1", {"username": "bob"}, "ok")
    trace_alone(sqlite, local_actor(), "user.role", "user:1", {"username": "\x1b[31mbob"}, "ok")
    trace_alone(sqlite, local_actor(), "model.publish", "model:\x1b[31mspots", {}, "refused")
    return settings


def _run(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = child_environment(settings, COLUMNS="200")
    return subprocess.run(nexusai("audit", *arguments), env=environment, capture_output=True, text=True, timeout=120)


def test_the_trail_is_listed_and_filtered(home: Settings) -> None:
    said = _run(home, "list").stdout
    assert "user.create" in said
    assert "3 of 3" in said
    assert "\x1b" not in said  # a name does nothing to the terminal
    body = json.loads(_run(home, "list", "--action", "user.", "--size", "1", "--json").stdout)
    assert ([item["action"] for item in body["items"]], body["total"]) == (["user.role"], 2)
    assert (
        json.loads(_run(home, "list", "--outcome", "refused", "--until", "2020-01-01", "--json").stdout)["total"] == 0
    )


def test_a_trail_that_holds_is_told_with_its_digest(home: Settings) -> None:
    done = _run(home, "verify", "--json")
    verdict = json.loads(done.stdout)
    assert (done.returncode, verdict["holds"], verdict["rows"]) == (0, True, 3)
    assert verdict["digest"] in _run(home, "verify").stdout


@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        ("UPDATE audit_entries SET outcome = 'ok' WHERE number = 3", "entry 3 was edited"),
        ("DELETE FROM audit_entries WHERE number = 2", "entry 2 is missing"),
        ("DELETE FROM audit_entries WHERE number = 3", "entry 3 is missing"),
    ],
)
def test_a_broken_trail_names_the_entry_and_ends_with_1(
    home: Settings, sqlite: Database, tamper: str, named: str
) -> None:
    with sqlite.write() as session:
        session.connection().execute(text(tamper))
    done = _run(home, "verify")
    assert done.returncode == 1
    assert named in done.stdout
    assert json.loads(_run(home, "verify", "--json").stdout)["holds"] is False


def test_the_trail_is_exported_to_a_file_or_to_standard_output(home: Settings, tmp_path: Path) -> None:
    file = tmp_path / "audit.csv"
    assert _run(home, "export", "--action", "user.", "--output", str(file)).returncode == 0
    said = _run(home, "export", "--action", "user.").stdout
    rows = list(csv.DictReader(io.StringIO(file.read_text("utf-8"))))
    assert [row["action"] for row in rows] == ["user.role", "user.create"]
    assert said.split() == file.read_text("utf-8").split()
