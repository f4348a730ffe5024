"""Putting a backup in the place of the databases: everything is fetched and checked before anything changes."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from sqlalchemy import text
from sqlmodel import col, update

from registry.access import Action, Actor, require
from registry.access.trail import trace
from registry.errors import (
    AlreadyRunning,
    Conflict,
    IntegrityError,
    InvalidInput,
    RegistryError,
    StorageUnavailable,
)
from registry.jobs.backups import MLFLOW, RECORDS, Backup, BackupFile, Backups
from registry.jobs.belonging import adopt
from registry.jobs.cleaners import SEEN_KEY
from registry.jobs.kinds import CLEAN
from registry.models.locks import alone
from registry.records import Database, Schedule, open_database, utc_now
from registry.records.database import check_known
from registry.records.dumping import check_postgres_dump, check_sqlite, restore_postgres, sqlite_file
from registry.settings import Settings

_OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
_GOING_S = 3.0
_BESIDE = ("-wal", "-shm", "-journal")


def restore(backups: Backups, actor: Actor, name: str = "") -> tuple[Backup, list[Path]]:
    """Restore a backup, the newest where none is named; returns it, and where the databases before are kept.

    Schedules of clean-ups are paused: jobs that ended since have files, but no rows any more.

    Raises AlreadyRunning while anybody uses the databases, ObjectNotFound, IntegrityError, DatabaseTooNew for a
    backup of a newer release, InvalidInput for one of another kind of database; nothing is changed then.
    """
    require(actor, Action.CARE_FOR_PLATFORM)
    settings = backups.settings
    made = backups.get(name) if name else _newest(backups)
    settings.prepare_home()
    with alone(settings.run_dir / "up.lock") as mine:
        if not mine:
            raise AlreadyRunning(f"the platform runs on {settings.home}", hint="Stop it, then restore.")
        backups.database.close()
        _check_unused(settings)
        with _fetched(backups, made) as files:
            _check_records(settings, made, files[RECORDS][0])
            _check_unused(settings)  # fetching took a while
            before = _put_in_place(settings, files)
    database = open_database(settings.records_url)
    try:
        database.upgrade()
        adopt(database, backups.storage)
        backups.storage.delete(SEEN_KEY)
        _pause_clean_ups(database)
        with database.write() as session:
            trace(session, actor, "platform.restore", f"backup:{made.name}", {"made_at": made.at.isoformat()})
    finally:
        database.close()
    return made, before


def _pause_clean_ups(database: Database) -> None:
    values = {
        "active": False,
        "next_at": None,
        "revision": col(Schedule.revision) + 1,
        "problem": "Paused by a restore: files of jobs that ended since the backup are in no record any more.",
    }
    with database.write() as session:
        session.exec(update(Schedule).where(col(Schedule.kind) == CLEAN.name, col(Schedule.active)).values(**values))


def _newest(backups: Backups) -> Backup:
    found = backups.list()
    if not found:
        raise Conflict("there is no backup in the storage", hint="`nexusai backup` makes one.")
    return found[0]


def _places(settings: Settings) -> dict[str, Path | None]:
    return {RECORDS: sqlite_file(settings.records_url), MLFLOW: settings.mlflow_database}


def _check_unused(settings: Settings) -> None:
    """Raise AlreadyRunning where a process has one of the databases open, however it was started."""
    places = _places(settings)
    paths = {str(path.resolve()) for path in places.values() if path is not None and path.exists()}
    for process in psutil.process_iter(["pid", "name"]):
        if process.pid == os.getpid():
            continue
        try:
            used = {each.path for each in process.open_files()} & paths
        except (psutil.Error, OSError):
            continue
        if used:
            who = f"process {process.pid} ({process.info['name']})"
            raise AlreadyRunning(f"{who} has {Path(used.pop()).name} open", hint="Stop it, then restore.")
    if places[RECORDS] is None:
        _check_no_connections(settings.records_url)


def _check_no_connections(url: str) -> None:
    """Raise AlreadyRunning while others use a PostgreSQL database; ours that were just closed take a moment to go."""
    database, deadline = open_database(url), time.monotonic() + _GOING_S
    try:
        while True:
            with database.read() as session:
                others = session.connection().execute(text(_OTHERS)).scalar_one()
            if not others:
                return
            if time.monotonic() > deadline:
                raise AlreadyRunning(f"{others} connections use the records", hint="Stop the platform, then restore.")
            time.sleep(0.1)
    finally:
        database.close()


@contextmanager
def _fetched(backups: Backups, made: Backup) -> Iterator[dict[str, tuple[BackupFile, Path]]]:
    """Every file of a backup, unpacked beside the databases and checked. Raises IntegrityError, StorageUnavailable."""
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=backups.settings.home) as folder:
        found = {}
        for file in made.files:
            target = Path(folder, file.what)
            try:
                with target.open("wb") as out:
                    for piece in backups.read(made, file):
                        out.write(piece)
                    out.flush()
                    os.fsync(out.fileno())
            except OSError as error:
                raise StorageUnavailable(f"the backup does not fit here: {error.strerror}") from error
            if file.dialect == "sqlite":
                check_sqlite(target)
            else:
                check_postgres_dump(target)
            found[file.what] = (file, target)
        if RECORDS not in found:
            raise IntegrityError(f"backup {made.name} has no records")
        yield found


def _check_records(settings: Settings, made: Backup, file: BackupFile) -> None:
    here = "postgresql" if sqlite_file(settings.records_url) is None else "sqlite"
    if file.dialect != here:
        raise InvalidInput(f"the backup is of {file.dialect}, the records here are in {here}")
    check_known(made.revision)


def _put_in_place(settings: Settings, files: dict[str, tuple[BackupFile, Path]]) -> list[Path]:
    """Files are exchanged first, then PostgreSQL in one transaction; where either fails, all is put back."""
    stamp, kept, done = f"{utc_now():%Y%m%dT%H%M%SZ}", list[Path](), list[tuple[Path, Path]]()
    places = _places(settings)
    try:
        for what, (_, fetched) in files.items():
            place = places[what]
            if place is None:
                continue
            before = place.with_name(f"{place.name}.before-{stamp}")
            done.append((before, place))
            if place.exists():
                _move(place, before)
                kept.append(before)
            fetched.replace(place)
            place.chmod(0o600)
        if files[RECORDS][0].dialect == "postgresql":
            restore_postgres(settings.records_url, files[RECORDS][1])
    except (OSError, RegistryError) as error:
        _put_back(done)
        if isinstance(error, RegistryError):
            raise
        raise StorageUnavailable(
            f"the databases could not be exchanged: {error.strerror}; they are as before"
        ) from error
    return kept


def _put_back(done: list[tuple[Path, Path]]) -> None:
    """Undo the exchange of files. Raises StorageUnavailable that says which could not be put back."""
    stuck = []
    for before, place in reversed(done):
        try:
            if before.exists():
                _move(before, place)
        except OSError:
            stuck.append(f"{place.name} (as it was: {before})")
    if stuck:
        raise StorageUnavailable(
            f"the restore broke off, and these could not be put back: {', '.join(stuck)}",
            hint="Move them back by hand before anything is started.",
        )


def _move(source: Path, target: Path) -> None:
    """A database with what SQLite keeps beside it."""
    for beside in _BESIDE:
        Path(f"{target}{beside}").unlink(missing_ok=True)
        if Path(f"{source}{beside}").exists():
            Path(f"{source}{beside}").replace(f"{target}{beside}")
    source.replace(target)
