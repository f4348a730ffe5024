"""Whole copies of databases: a consistent dump as a stream of bytes, and back."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import make_url

from registry.errors import DatabaseUnavailable, IntegrityError, MissingExtra

_CHUNK = 1 << 20
# Drops what is in the schema rather than the schema itself, which often belongs to somebody else; extensions stay.
_EMPTY = """
SET client_min_messages = warning;
DO $$
DECLARE commands text[]; command text; here oid := 'public'::regnamespace; theirs oid[];
BEGIN
  theirs := ARRAY(SELECT objid FROM pg_depend WHERE deptype = 'e');
  commands := ARRAY(
    SELECT format('DROP VIEW IF EXISTS %s CASCADE', oid::regclass) FROM pg_class
      WHERE relnamespace = here AND relkind = 'v' AND NOT oid = ANY(theirs)
  ) || ARRAY(
    SELECT format('DROP TABLE IF EXISTS %s CASCADE', oid::regclass) FROM pg_class
      WHERE relnamespace = here AND relkind IN ('r', 'p') AND NOT oid = ANY(theirs)
  ) || ARRAY(
    SELECT format('DROP SEQUENCE IF EXISTS %s CASCADE', oid::regclass) FROM pg_class
      WHERE relnamespace = here AND relkind = 'S' AND NOT oid = ANY(theirs)
  ) || ARRAY(
    SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc
      WHERE pronamespace = here AND NOT oid = ANY(theirs)
  ) || ARRAY(
    SELECT format('DROP TYPE IF EXISTS %s CASCADE', oid::regtype) FROM pg_type
      WHERE typnamespace = here AND typtype IN ('e', 'd') AND NOT oid = ANY(theirs)
  );
  FOREACH command IN ARRAY commands LOOP EXECUTE command; END LOOP;
END $$;
"""
_HINT = "Install PostgreSQL's client programs, such as the package postgresql-client, in the server's major version."


def sqlite_file(url: str) -> Path | None:
    """The file behind a SQLite URL, None for every other database."""
    parsed = make_url(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def copy_sqlite(source: Path) -> Iterator[bytes]:
    """A SQLite file as it is at one moment, while others write to it, in pieces. Raises DatabaseUnavailable."""
    with tempfile.TemporaryDirectory(prefix="nexusai-backup-") as folder:
        copy = Path(folder, "copy.db")
        try:
            with closing(sqlite3.connect(source)) as theirs, closing(sqlite3.connect(copy)) as ours:
                theirs.backup(ours)  # in one step: beside a write-ahead log it holds up nobody
                ours.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.Error as error:
            raise DatabaseUnavailable(f"{source.name} could not be copied: {error}") from error
        with copy.open("rb") as file:
            while piece := file.read(_CHUNK):
                yield piece


def check_sqlite(file: Path) -> None:
    """Raise IntegrityError unless the file is a sound SQLite database."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            found = connection.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.Error as error:
        raise IntegrityError(f"{file.name} is no SQLite database: {error}") from error
    if found != "ok":
        raise IntegrityError(f"{file.name} is damaged: {found}")


def dump_postgres(url: str) -> Iterator[bytes]:
    """A PostgreSQL database as `pg_dump` writes it in its own format, in pieces.

    Raises MissingExtra without that program, DatabaseUnavailable where it fails.
    """
    program = _program("pg_dump")
    line = [program, "--format=custom", "--no-owner", "--no-privileges"]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(  # noqa: S603 - our own command
            line, env=_environment(url), stdout=subprocess.PIPE, stderr=said, stdin=subprocess.DEVNULL
        ) as process,
    ):
        try:
            while process.stdout is not None and (piece := process.stdout.read(_CHUNK)):
                yield piece
        except BaseException:
            process.kill()
            raise
        if process.wait():
            said.seek(0)
            raise DatabaseUnavailable(f"pg_dump failed: {_last_line(said.read())}")


def restore_postgres(url: str, file: Path) -> None:
    """Replace everything in a PostgreSQL database's public schema by a dump, all of it or nothing.

    What the dump does not know, such as the tables of a newer release, goes: migrations make it anew.
    Raises MissingExtra, DatabaseUnavailable.
    """
    name, environment, psql = str(make_url(url).database), _environment(url), _program("psql")
    with tempfile.TemporaryDirectory(prefix="nexusai-restore-") as folder:
        script = Path(folder, "restore.sql")
        written = [_program("pg_restore"), "--no-owner", "--no-privileges", f"--file={script}", str(file)]
        line = [psql, "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", f"--dbname={name}"]
        for each in (written, [*line, f"--command={_EMPTY}", f"--file={script}"]):
            done = subprocess.run(each, env=environment, capture_output=True, check=False)  # noqa: S603 - our own command
            if done.returncode:
                raise DatabaseUnavailable(
                    f"{Path(each[0]).name} failed, and changed nothing: {_last_line(done.stderr)}"
                )


def check_postgres_dump(file: Path) -> None:
    """Raise IntegrityError unless the file can be read as a dump."""
    done = subprocess.run(  # noqa: S603 - our own command
        [_program("pg_restore"), "--list", str(file)], capture_output=True, check=False
    )
    if done.returncode:
        raise IntegrityError(f"the dump cannot be read: {_last_line(done.stderr)}")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise MissingExtra(f"backups of PostgreSQL need {name}, which is not installed here", hint=_HINT)
    return found


def _environment(url: str) -> dict[str, str]:
    """How PostgreSQL's programs are told where the database is; a password on a command line would be seen by all."""
    parsed = make_url(url)
    given = {
        "PGHOST": parsed.host,
        "PGPORT": parsed.port,
        "PGUSER": parsed.username,
        "PGPASSWORD": parsed.password,
        "PGDATABASE": parsed.database,
        "PGSSLMODE": parsed.query.get("sslmode"),
        "PATH": os.defpath,
    }
    return {name: str(value) for name, value in given.items() if value}


def _last_line(said: bytes) -> str:
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"
