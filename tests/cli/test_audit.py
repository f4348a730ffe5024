"""`nexusai audit` as a person runs it."""

import csv
import io
import json
from pathlib import Path

import pytest
from sqlalchemy import text

from registry.access.actor import local_actor
from registry.access.trail import trace_alone
from registry.records import Database
from registry.settings import Settings
from tests.cli.here import here


@pytest.fixture
def home(settings: Settings, sqlite: Database) -> Settings:
    """A home whose trail has three entries."""
    trace_alone(sqlite, local_actor(), "user.create", "user:1", {"username": "bob"}, "ok")
    trace_alone(sqlite, local_actor(), "user.role", "user:1", {"username": "\x1b[31mbob"}, "ok")
    trace_alone(sqlite, local_actor(), "model.publish", "model:\x1b[31mspots", {}, "refused")
    return settings


def test_the_trail_is_listed_and_filtered(home: Settings) -> None:
    said = here(home, "audit", "list").stdout
    assert "user.create" in said
    assert "3 of 3" in said
    assert "\x1b" not in said  # a name does nothing to the terminal
    body = json.loads(here(home, "audit", "list", "--action", "user.", "--size", "1", "--json").stdout)
    assert ([item["action"] for item in body["items"]], body["total"]) == (["user.role"], 2)
    none = here(home, "audit", "list", "--outcome", "refused", "--until", "2020-01-01", "--json").stdout
    assert json.loads(none)["total"] == 0


def test_a_trail_that_holds_is_told_with_its_digest(home: Settings) -> None:
    done = here(home, "audit", "verify", "--json")
    verdict = json.loads(done.stdout)
    assert (done.returncode, verdict["holds"], verdict["rows"]) == (0, True, 3)
    assert verdict["digest"] in here(home, "audit", "verify").stdout


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
    done = here(home, "audit", "verify")
    assert done.returncode == 1
    assert named in done.stdout
    assert json.loads(here(home, "audit", "verify", "--json").stdout)["holds"] is False


def test_the_trail_is_exported_to_a_file_or_to_standard_output(home: Settings, tmp_path: Path) -> None:
    file = tmp_path / "audit.csv"
    assert here(home, "audit", "export", "--action", "user.", "--output", str(file)).returncode == 0
    said = here(home, "audit", "export", "--action", "user.").stdout
    rows = list(csv.DictReader(io.StringIO(file.read_text("utf-8"))))
    assert [row["action"] for row in rows] == ["user.role", "user.create"]
    assert said.split() == file.read_text("utf-8").split()
