"""Connections, transactions, migrations."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from sqlmodel import SQLModel

from registry.errors import DatabaseTooNew, DatabaseUnavailable, InvalidSetting
from registry.records import Database, User, one_at_a_time, open_database, users


def test_migrations_make_exactly_the_tables_of_the_code(database: Database) -> None:
    inspector = inspect(database.engine)
    made = {name: {column["name"] for column in inspector.get_columns(name)} for name in inspector.get_table_names()}
    made.pop("alembic_version")
    declared = {table.name: {column.name for column in table.columns} for table in SQLModel.metadata.sorted_tables}
    assert made == declared


def test_upgrade_of_a_current_database_changes_nothing(database: Database) -> None:
    assert database.check()
    database.upgrade()
    assert database.check()


def test_a_database_newer_than_the_code_is_refused_and_left_alone(database: Database) -> None:
    with database.write() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseTooNew, match="9999"):
        database.upgrade()
    with database.read() as session:
        assert session.connection().execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"


def test_an_error_in_a_write_takes_all_of_it_back(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as session:
        users.add(session, User(username="ada", username_key="", password_hash="x"))
        raise RuntimeError
    with database.read() as session:
        assert users.by_name(session, "ada") is None


def test_parallel_writers_lose_nothing(database: Database) -> None:
    failures: list[Exception] = []

    def write(number: int) -> None:
        try:
            for turn in range(10):
                with database.write() as session:
                    users.add(session, User(username=f"u{number}-{turn}", username_key="", password_hash="x"))
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    with database.read() as session:
        assert users.count(session) == 60


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_who_stops_within_a_transaction_holds_its_locks_for_a_moment_only(database: Database) -> None:
    stopped = open_database(database.engine.url.render_as_string(hide_password=False), idle_ms=500)
    with pytest.raises(DatabaseUnavailable), stopped.write() as session:
        one_at_a_time(session.connection(), "cameras")
        with database.write() as other:  # waits until the server has given the first one up
            one_at_a_time(other.connection(), "cameras")
        session.execute(text("SELECT 1"))
    with stopped.write() as session:
        one_at_a_time(session.connection(), "cameras")
    stopped.close()


def test_processes_that_upgrade_an_empty_database_at_once_agree(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    code = f"from registry.records import open_database; open_database({url!r}).upgrade()"
    started = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(3)]
    failures = [errors.decode() for process in started if (errors := process.communicate()[1]) and process.returncode]
    assert not failures
    assert open_database(url).check()


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("mysql://root@localhost/x", InvalidSetting),  # another kind of database
        ("not a url", InvalidSetting),  # no URL at all
    ],
)
def test_a_url_of_no_use_is_refused_by_name(url: str, error: type[Exception]) -> None:
    with pytest.raises(error, match="NEXUSAI_DATABASE_URL"):
        open_database(url)


def test_a_database_that_is_away_says_so_without_its_password() -> None:
    database = open_database("postgresql+psycopg://someone:hush-hush@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailable) as caught:
        database.ping()
    assert "hush-hush" not in str(caught.value)
