"""Whether MLflow's database was written to, seen from another connection."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from registry.models.database_mark import DatabaseMark
from registry.settings import Settings, load_settings


@pytest.fixture(params=["DELETE", "WAL"])
def writer(settings: Settings, request: pytest.FixtureRequest) -> Iterator[sqlite3.Connection]:
    """The one that writes, in either of SQLite's journal modes."""
    with closing(sqlite3.connect(settings.mlflow_database, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA journal_mode={request.param}")
        connection.execute("CREATE TABLE aliases (name TEXT)")
        yield connection


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path)


@pytest.fixture
def mark(settings: Settings) -> Iterator[DatabaseMark]:
    made = DatabaseMark(settings)
    yield made
    made.close()


def test_the_mark_stays_until_something_is_written(mark: DatabaseMark, writer: sqlite3.Connection) -> None:
    first = mark.look()
    assert first is not None
    assert mark.look() == first
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO aliases VALUES ('champion')")
    assert mark.look() in (first, None), "nothing is committed yet"
    writer.execute("COMMIT")
    second = mark.look()
    assert second not in (first, None)
    assert mark.look() == second


def test_a_database_that_was_put_in_its_place_is_another(
    mark: DatabaseMark, writer: sqlite3.Connection, settings: Settings
) -> None:
    first = mark.look()
    restored = settings.home / "restored.db"
    with closing(sqlite3.connect(restored)) as copy:
        writer.backup(copy)
    restored.replace(settings.mlflow_database)
    assert mark.look() not in (first, None)


def test_what_was_let_go_of_is_not_taken_for_the_same(mark: DatabaseMark, writer: sqlite3.Connection) -> None:
    first = mark.look()
    mark.close()
    writer.execute("INSERT INTO aliases VALUES ('champion')")
    assert mark.look() not in (first, None)


def test_nobody_can_tell_while_somebody_holds_the_whole_file(mark: DatabaseMark, settings: Settings) -> None:
    with closing(sqlite3.connect(settings.mlflow_database, isolation_level=None)) as alone:
        alone.execute("CREATE TABLE aliases (name TEXT)")
        alone.execute("BEGIN EXCLUSIVE")
        assert mark.look() is None
        alone.execute("COMMIT")
        assert mark.look() is not None


def test_nobody_can_tell_without_a_database_of_our_own(mark: DatabaseMark, settings: Settings) -> None:
    assert mark.look() is None
    assert not settings.mlflow_database.exists()
    settings.mlflow_database.write_bytes(b"not a database" * 100)
    assert mark.look() is None


def test_nobody_can_tell_of_another_server(writer: sqlite3.Connection, settings: Settings) -> None:
    elsewhere = settings.model_copy(update={"mlflow_tracking_uri": "http://mlflow.example:5000"})
    assert DatabaseMark(settings).look() is not None
    assert DatabaseMark(elsewhere).look() is None
