"""What a clean-up works with: its run, its rooms, and how it counts what it removes, in a dry run as in a real one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, func, inspect
from sqlmodel import SQLModel, delete, select

from registry.errors import ObjectNotFound
from registry.jobs.care_parameters import CleanParameters
from registry.jobs.rooms import JobRooms
from registry.jobs.running import JobRun

MOST_AT_ONCE = 500
_MOST_UNKNOWN = 20


@dataclass(slots=True)
class Tally:
    """How many things, and how many bytes of storage or disk; what only rests in the database has no bytes."""

    count: int = 0
    bytes: int = 0

    def add(self, size: int) -> None:
        """One more thing."""
        self.count, self.bytes = self.count + 1, self.bytes + size


@dataclass(frozen=True, slots=True)
class Cleaning:
    """One clean-up: its job's run, its rooms, and what counts as old at its beginning."""

    run: JobRun
    rooms: JobRooms
    wanted: CleanParameters
    now: datetime
    known: dict[str, str] = field(default_factory=dict)  # orphans by when they were first seen

    @property
    def dry(self) -> bool:
        """Whether it only counts."""
        return self.wanted.dry_run

    def rows(self, table: type[SQLModel], *which: ColumnElement[bool]) -> Tally:
        """Count rows, and delete them in pieces, so that nobody waits long. Raises JobCancelled, JobLost."""
        if self.dry:
            with self.rooms.database.read() as session:
                return Tally(session.exec(select(func.count()).select_from(table).where(*which)).one())
        (key,) = inspect(table).primary_key
        tally, some = Tally(), select(key).where(*which).limit(MOST_AT_ONCE)
        while True:
            self.run.check()
            with self.rooms.database.write() as session:
                gone = session.exec(delete(table).where(key.in_(some), *which)).rowcount
            tally.count += gone
            if gone < MOST_AT_ONCE:
                return tally

    def objects(self, keys: Iterable[str], tally: Tally, *, counted: bool = True) -> None:
        """Count what is stored under keys, and delete it. Raises JobCancelled, JobLost, StorageUnavailable."""
        for key in keys:
            self.run.check()
            try:
                size = self.rooms.storage.size(key)
            except ObjectNotFound:
                continue
            tally.bytes += size
            tally.count += counted
            if not self.dry:
                self.rooms.storage.delete(key)


def are_foreign(unknown: int, total: int) -> bool:
    """Whether so many things without a record, of all, say that these are hardly the storage's own records."""
    return unknown > max(_MOST_UNKNOWN, total / 2)


@dataclass(frozen=True, slots=True)
class Cleaner:
    """One kind of thing that a clean-up removes."""

    name: str
    title: str
    clean: Callable[[Cleaning], Tally]
