"""A connection to the records: short read and write transactions, migrations, version check."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
)
from sqlmodel import Session

from registry.errors import DatabaseTooNew, DatabaseUnavailable, InvalidInput, InvalidSetting
from registry.records import folding

# A server that is gone without a word is noticed within seconds, not after a quarter of an hour (libpq).
_PATIENCE = {"connect_timeout": 5, "tcp_user_timeout": 8_000, "keepalives_idle": 5, "keepalives_interval": 2}
MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """The records behind one URL; threads share it, each `read()` or `write()` is one transaction.

    On SQLite a write begins with BEGIN IMMEDIATE: a plain BEGIN that upgrades later fails
    with "database is locked" as soon as two processes write.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writer = engine.execution_options(nexusai_write=True)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.engine.dialect.name

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading; rolled back at the end. Raises DatabaseUnavailable."""
        with _mapped(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits at the end, or rolls back on any error. Raises DatabaseUnavailable."""
        with _mapped(), Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    def ping(self) -> None:
        """Raise DatabaseUnavailable unless the database answers a query."""
        with self.read() as session:
            session.connection().execute(text("SELECT 1"))

    def upgrade(self) -> None:
        """Migrate to the newest revision in one transaction. Raises DatabaseTooNew, DatabaseUnavailable.

        It is begun here: Alembic would commit each step on SQLite, and another process could come in between.
        """
        self.check()
        with _mapped(), self._writer.begin() as connection:
            one_at_a_time(connection, "migrations")
            config = _alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def check(self) -> bool:
        """Whether the database is at the newest revision. Raises DatabaseTooNew for one we do not know."""
        with _mapped(), self.engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
        return current == check_known(current)

    def revision(self) -> str:
        """The revision that the database is at, empty for one without tables. Raises DatabaseUnavailable."""
        with _mapped(), self.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision() or ""

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def open_database(url: str, *, idle_ms: int = 0) -> Database:
    """Connect lazily to a SQLAlchemy URL of SQLite or PostgreSQL (psycopg). Raises InvalidSetting.

    A PostgreSQL server ends a transaction of which it hears nothing for `idle_ms`, 0 for never: a process that is
    stopped in the middle of one holds what it has locked no longer than that.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InvalidSetting("NEXUSAI_DATABASE_URL is not a SQLAlchemy URL") from error
    backend = parsed.get_backend_name()
    if backend not in {"sqlite", "postgresql"}:
        raise InvalidSetting(f"NEXUSAI_DATABASE_URL: expected sqlite or postgresql+psycopg, got {backend}")
    options: dict[str, Any] = {"pool_pre_ping": backend == "postgresql"}
    if backend == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
        arguments = (
            {**_PATIENCE, "options": f"-c idle_in_transaction_session_timeout={idle_ms}"} if idle_ms else _PATIENCE
        )
        options |= {"pool_size": 10, "max_overflow": 20, "connect_args": arguments}
    try:
        engine = create_engine(parsed, **options)
    except NoSuchModuleError as error:
        raise InvalidSetting(f"NEXUSAI_DATABASE_URL: {error}") from error
    if backend == "sqlite":
        _tune_sqlite(engine)
    return Database(engine)


def check_known(revision: str | None) -> str:
    """Raise DatabaseTooNew for a revision that this release does not know; returns the newest that it does."""
    script = ScriptDirectory.from_config(_alembic_config())
    newest = str(script.get_current_head())
    if revision is not None and revision not in {each.revision for each in script.walk_revisions()}:
        raise DatabaseTooNew(f"the database is at revision {revision}, this release knows up to {newest}")
    return newest


def one_at_a_time(connection: Connection, what: str) -> None:
    """Until this transaction ends, keep out every other that asks for the same `what`.

    On SQLite nothing is needed: only one write transaction runs at a time.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:what, 0))"), {"what": what})


def _tune_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver's own implicit BEGIN is off: we begin below
        cursor = connection.cursor()
        for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
        connection.create_function(folding.SQLITE_NAME, 1, folding.lower, deterministic=True)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("nexusai_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


@contextmanager
def _mapped() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except DataError as error:  # such as a NUL in a text, which PostgreSQL does not store
        raise InvalidInput("a value holds what no text here may hold, such as a NUL character") from error
    except (OperationalError, InterfaceError, DatabaseError) as error:
        raise DatabaseUnavailable(f"the records database does not answer: {_reason(error)}") from error


def _reason(error: DBAPIError) -> str:
    return str(error.orig).splitlines()[0] if error.orig else type(error).__name__
