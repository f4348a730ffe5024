"""Backups and the way back: whole, checked, bounded, and never half restored."""

import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from sqlmodel import select

from registry.access import Actor
from registry.access.actor import local_actor
from registry.errors import (
    AlreadyRunning,
    Conflict,
    DatabaseTooNew,
    DatabaseUnavailable,
    Forbidden,
    IntegrityError,
    InvalidInput,
    MissingExtra,
    ObjectNotFound,
    Unavailable,
)
from registry.jobs import restoring
from registry.jobs.backups import Backups
from registry.jobs.belonging import STORED, check_belongs
from registry.jobs.restoring import restore
from registry.models.locks import alone
from registry.records import AuditEntry, Database, Schedule, User, dumping, open_database, users
from registry.records.database import _alembic_config, check_known
from registry.settings import Settings, load_settings
from registry.storage import LocalStorage

ADA = local_actor()


@pytest.fixture
def backups(database: Database, settings: Settings, tmp_path: Path) -> Backups:
    """Those of a platform whose records are in this database."""
    url = database.engine.url.render_as_string(hide_password=False)
    here = load_settings(home=settings.home, database_url=url if database.dialect == "postgresql" else "")
    with sqlite3.connect(here.home / "mlflow.db") as mlflow:
        mlflow.execute("CREATE TABLE runs (id TEXT)")
        mlflow.execute("INSERT INTO runs VALUES ('first')")
    return Backups(here, database, LocalStorage(tmp_path / "storage"))


def add(database: Database, name: str) -> None:
    with database.write() as session:
        users.add(session, User(username=name, username_key="", password_hash="x"))


def people(backups: Backups) -> list[str]:
    database = open_database(backups.settings.records_url)
    with database.read() as session:
        found = sorted(user.username for user in session.exec(select(User)))
    database.close()
    return found


def runs(backups: Backups) -> list[str]:
    with sqlite3.connect(backups.settings.home / "mlflow.db") as mlflow:
        return [row[0] for row in mlflow.execute("SELECT id FROM runs")]


def stored(backups: Backups) -> list[str]:
    return list(backups.storage.keys("backups/"))


def test_what_was_backed_up_comes_back_with_both_databases(backups: Backups, database: Database) -> None:
    add(database, "before")
    made = backups.make(3)
    assert {each.what for each in made.files} == {"records", "mlflow"}
    add(database, "after")
    with sqlite3.connect(backups.settings.home / "mlflow.db") as mlflow:
        mlflow.execute("INSERT INTO runs VALUES ('second')")
    restored, before = restore(backups, ADA)
    assert restored.name == made.name
    assert (people(backups), runs(backups)) == (["before"], ["first"])
    names = {path.name.partition(".before")[0] for path in before}
    assert names == ({"nexusai.db", "mlflow.db"} if database.dialect == "sqlite" else {"mlflow.db"})
    with database.read() as session:
        entries = session.exec(select(AuditEntry).where(AuditEntry.action == "platform.restore")).all()
    assert [entry.target for entry in entries] == [f"backup:{made.name}"]
    assert not list(backups.settings.home.glob(".restore-*"))


def test_secrets_are_no_part_of_a_backup(backups: Backups) -> None:
    (backups.settings.secrets_dir / "jwt.key").write_bytes(b"SECRET-OF-THE-HOME" * 4)
    made = backups.make(3)
    for file in made.files:
        assert b"SECRET-OF-THE-HOME" not in b"".join(backups.read(made, file))
    assert {key.rpartition("/")[2].partition(".")[0] for key in stored(backups)} == {"records", "mlflow", "manifest"}


def test_a_bounded_number_is_kept_and_what_was_never_finished_goes(backups: Backups) -> None:
    backups.storage.put("backups/20200101T000000Z-aaaaaaaa/records.db.z", b"half")
    backups.storage.put("backups/of-somebody-else/file", b"theirs")
    names = [backups.make(2).name for _ in range(3)]
    assert {each.name for each in backups.list()} <= set(names)
    assert len(backups.list()) == 2
    folders = {key.split("/")[1] for key in stored(backups)}
    assert folders == {each.name for each in backups.list()} | {"of-somebody-else"}


def test_a_backup_that_is_asked_for_again_after_a_kill_lets_no_older_one_go(backups: Backups) -> None:
    before = backups.make(2)

    def killed(text: str) -> None:
        if "oldest" in text:  # it is whole by then
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backups.make(2, killed, mark="0a1b2c3d")
    made = backups.make(2, mark="0a1b2c3d")
    assert [each.name for each in backups.list()] == [made.name, before.name]
    assert made.name.endswith("-0a1b2c3d")
    assert backups.make(2).name != backups.make(2).name, "without a mark each is another"


def test_whole_backups_that_cannot_be_read_here_stay(backups: Backups) -> None:
    other = "20200101T000000Z-bbbbbbbb"
    backups.storage.put(f"backups/{other}/records.db.z", b"whole")
    backups.storage.put(f"backups/{other}/manifest.json", b'{"format": 9}')
    made = backups.make(1)
    assert {key.split("/")[1] for key in stored(backups)} == {made.name, other}
    assert [each.name for each in backups.list()] == [made.name]


def test_a_backup_that_goes_while_they_are_listed_is_none(backups: Backups, monkeypatch: pytest.MonkeyPatch) -> None:
    gone, kept = backups.make(3), backups.make(3)
    keys = backups.storage.keys

    def late(prefix: str = "") -> list[str]:
        found = list(keys(prefix))
        backups.storage.delete(f"backups/{gone.name}/manifest.json")
        return found

    monkeypatch.setattr(backups.storage, "keys", late)
    assert [each.name for each in backups.list()] == [kept.name]


def test_no_backup_is_made_or_let_go_in_the_storage_of_another_platform(backups: Backups) -> None:
    made = backups.make(3)
    backups.storage.put(STORED, b"another")
    for act in (lambda: backups.make(1), lambda: backups.prune(0)):
        with pytest.raises(Conflict, match="another platform"):
            act()
    assert [each.name for each in backups.list()] == [made.name]


def test_after_a_restore_clean_ups_wait_for_somebody_and_the_storage_is_its_own(
    backups: Backups, database: Database
) -> None:
    made = backups.make(3)
    backups.storage.put("care/orphans.json", b"{}")
    backups.storage.put(STORED, b"as the storage has it")
    restore(backups, ADA, made.name)
    assert not backups.storage.exists("care/orphans.json")
    with database.read() as session:
        states = {each.kind: (each.active, each.problem[:19]) for each in session.exec(select(Schedule))}
    assert states == {"clean": (False, "Paused by a restore"), "backup": (True, "")}
    check_belongs(database, backups.storage)


def test_a_backup_of_the_release_before_is_restored_and_migrated(backups: Backups, database: Database) -> None:
    newest = database.revision()
    with database.engine.connect() as connection:
        config = _alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "-1")
        connection.commit()
    made = backups.make(3)
    assert made.revision < newest
    database.upgrade()
    add(database, "after")
    restore(backups, ADA, made.name)
    assert database.revision() == newest
    assert people(backups) == []


def test_where_one_database_cannot_be_replaced_all_are_as_before(
    backups: Backups, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(database, "before")
    made = backups.make(3)
    add(database, "after")
    with sqlite3.connect(backups.settings.home / "mlflow.db") as mlflow:
        mlflow.execute("INSERT INTO runs VALUES ('second')")
    if database.dialect == "postgresql":

        def fails(_url: str, _file: Path) -> None:
            raise DatabaseUnavailable("psql failed, and changed nothing")

        monkeypatch.setattr(restoring, "restore_postgres", fails)
    else:
        change = Path.chmod

        def fails_for_mlflow(path: Path, mode: int) -> None:
            if path.name == "mlflow.db":
                raise PermissionError(1, "not permitted")
            change(path, mode)

        monkeypatch.setattr(Path, "chmod", fails_for_mlflow)
    with pytest.raises(Unavailable):
        restore(backups, ADA, made.name)
    monkeypatch.undo()
    assert people(backups) == ["after", "before"]
    assert runs(backups) == ["first", "second"]
    assert not list(backups.settings.home.glob("*before-*"))


def test_a_backup_that_fails_leaves_nothing(backups: Backups) -> None:
    (backups.settings.home / "mlflow.db").write_bytes(b"no database" * 100)
    with pytest.raises(Exception, match=r"mlflow\.db could not be copied"):
        backups.make(3)
    assert stored(backups) == []


def changed(backups: Backups, name: str, end: str, how: Callable[[bytes], bytes]) -> None:
    key = next(key for key in backups.storage.keys(f"backups/{name}/") if key.endswith(end))
    backups.storage.put(key, how(backups.storage.get(key)))


DAMAGES: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "cut off": (".z", lambda data: data[:-20]),
    "a bit turned": (".z", lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:]),
    "not packed": (".z", lambda _data: b"something else"),
    "an empty manifest": ("manifest.json", lambda _data: b"{}"),
    "of a newer release": ("manifest.json", lambda data: data.replace(b'"format": 1', b'"format": 9')),
}


def test_a_damaged_backup_changes_nothing(backups: Backups, database: Database) -> None:
    add(database, "before")
    for number, (name, (end, how)) in enumerate(DAMAGES.items()):
        made = backups.make(9)
        add(database, f"after {number}")
        changed(backups, made.name, end, how)
        with pytest.raises(IntegrityError):
            restore(backups, ADA, made.name)
        assert len(people(backups)) == number + 2, name
        assert runs(backups) == ["first"], name
    assert not list(backups.settings.home.glob("*before-*"))
    assert not list(backups.settings.home.glob(".restore-*"))


def test_nothing_is_restored_while_the_platform_runs(backups: Backups) -> None:
    backups.make(3)
    with alone(backups.settings.run_dir / "up.lock") as mine:
        assert mine
        with pytest.raises(AlreadyRunning, match="the platform runs"):
            restore(backups, ADA)


def test_nothing_is_restored_while_a_process_has_the_records_open(backups: Backups, database: Database) -> None:
    backups.make(3)
    url = backups.settings.records_url
    code = (
        "import sys, registry.records as r; d = r.open_database(sys.argv[1]); d.ping(); "
        "print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(AlreadyRunning, match=r"open|use the records"):
            restore(backups, ADA)
        other.communicate("")


def test_what_does_not_fit_is_refused(backups: Backups, database: Database, engineer: Actor) -> None:
    with pytest.raises(Conflict, match="no backup"):
        restore(backups, ADA)
    with pytest.raises(ObjectNotFound):
        restore(backups, ADA, "20200101T000000Z-00000000")
    with pytest.raises(Forbidden):
        restore(backups, engineer)
    made = backups.make(3)
    if database.dialect == "postgresql":
        elsewhere = f"sqlite:///{backups.settings.home / 'other.db'}"
        there = Backups(load_settings(home=backups.settings.home, database_url=elsewhere), database, backups.storage)
        with pytest.raises(InvalidInput, match="of postgresql"):
            restore(there, ADA, made.name)


def test_a_backup_of_a_newer_release_is_refused(backups: Backups, database: Database) -> None:
    with database.write() as session:
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    made = backups.make(3)
    assert made.revision == "9999"
    with database.write() as session:
        session.connection().exec_driver_sql(f"UPDATE alembic_version SET version_num = '{check_known(None)}'")
    with pytest.raises(DatabaseTooNew):
        restore(backups, ADA)
    assert database.check()


def test_a_copy_is_of_one_moment_while_others_write(sqlite: Database, settings: Settings, tmp_path: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", _WRITE_PAIRS, settings.records_url])
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not _pairs(settings.home / "nexusai.db"):
            time.sleep(0.05)
        for number in range(5):
            copy = tmp_path / f"{number}.db"
            copy.write_bytes(b"".join(dumping.copy_sqlite(settings.home / "nexusai.db")))
            dumping.check_sqlite(copy)
            assert _pairs(copy) % 2 == 0
        assert _pairs(copy) > 0
    finally:
        writer.kill()
        writer.wait()


_WRITE_PAIRS = """
import sys
from registry.records import User, open_database, users

database = open_database(sys.argv[1])
for number in range(100_000):
    with database.write() as session:
        for half in "ab":
            name = f"{number}{half}"
            users.add(session, User(username=name, username_key=name, password_hash="x"))
"""


def _pairs(file: Path) -> int:
    with sqlite3.connect(file) as connection:
        return int(connection.execute("SELECT count(*) FROM users").fetchone()[0])


def test_without_the_programs_of_postgresql_it_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(MissingExtra, match="pg_dump") as refused:
        list(dumping.dump_postgres("postgresql+psycopg://127.0.0.1/x"))
    assert "postgresql-client" in refused.value.hint
