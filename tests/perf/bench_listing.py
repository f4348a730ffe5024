"""Lists of users and of 100,000 audit rows, by page and by filter, on SQLite and PostgreSQL."""

import statistics
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import create_engine, text

from registry.records import open_database
from registry.settings import load_settings
from tests.perf import listing
from tests.perf.report import Report

MOST_MS, REPEATS = 50.0, 15
_POSTGRES = "postgresql+psycopg://postgres@127.0.0.1:5432"


def main() -> Report:
    """Measure each list; the slowest of each database has a bound."""
    figures = {"sqlite_ms": _measure("")}
    with _fresh_postgres() as url:
        if url:
            figures["postgresql_ms"] = _measure(url)
    slowest = {name: max(medians.values()) for name, medians in figures.items()}
    plain, found = figures["sqlite_ms"]["audit"], max(slowest.values())
    return Report(
        name="listing",
        figures=figures,
        baseline={"name": "the newest page without a filter, SQLite", "audit_ms": plain},
        ratio=found / MOST_MS,
        bound=1.0,
        repeats=REPEATS,
        limits={name: (most, MOST_MS) for name, most in slowest.items()},
    )


def _measure(database_url: str) -> dict[str, float]:
    """Median milliseconds of each list on a database of its own."""
    with tempfile.TemporaryDirectory(prefix="nexusai-bench-") as folder:
        settings = load_settings(home=Path(folder), database_url=database_url or None)
        settings.prepare_home()
        database = open_database(settings.records_url)
        database.upgrade()
        listing.seed(database)
        times = listing.measure(listing.listings(database, settings), repeats=REPEATS)
        database.close()
    return {name: round(statistics.median(each), 2) for name, each in times.items()}


@contextmanager
def _fresh_postgres() -> Iterator[str]:
    """The URL of a new PostgreSQL database, or nothing where no server answers."""
    try:
        psycopg.connect("host=127.0.0.1 user=postgres dbname=postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        yield ""
        return
    engine = create_engine(f"{_POSTGRES}/postgres", isolation_level="AUTOCOMMIT")
    name = f"nexusai_bench_{uuid.uuid4().hex[:8]}"
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            yield f"{_POSTGRES}/{name}"
        finally:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()
