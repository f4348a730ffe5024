"""How a finished folder becomes a dataset's version: a number of its own, kept by DVC, counted once."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from registry.access import Action, Actor, require
from registry.access.trail import trace
from registry.errors import Conflict, InvalidDataset, RegistryError
from registry.records import Database, DatasetRecord, DatasetVersion
from registry.records import datasets as records
from registry.training.datasets.catalogue import target_of
from registry.training.datasets.workspace import Workspace

TRY_AGAIN = "Try again in a moment."


@dataclass(frozen=True, slots=True)
class Base:
    """The version that a new one is made from, and the number that the new one must get, if that matters."""

    number: int
    next_number: int | None = None


class NothingNewError(Exception):
    """The newest version of the dataset holds exactly this already."""

    def __init__(self, version: DatasetVersion) -> None:
        super().__init__(version.number)
        self.version = version


def keep(
    database: Database,
    workspace: Workspace,
    actor: Actor,
    wanted: DatasetRecord,
    version: DatasetVersion,
    *,
    staging: Path,
    base: Base | None,
) -> None:
    """Take a number that nobody else has (the base's next), keep the folder under it, then store the version.

    Raises Forbidden, InvalidDataset, Conflict, StorageUnavailable, and NothingNewError where it has no base and the
    newest version holds the same: who divides anew wants a version of their own.
    """
    if base is None:
        _check_new(database, wanted.name, version.sha256)
    with database.write() as session:
        record = records.take_number(session, wanted)
        require(actor, Action.CHANGE_DATASET, target_of(record))  # somebody else may have made it just now
        check_task(record, wanted.task)
        if base and base.next_number not in (None, record.latest_version):
            raise Conflict(f"somebody else has just changed dataset {record.name!r}", hint=TRY_AGAIN)
    version.dataset_id, version.number = record.id, record.latest_version

    def check() -> None:
        with database.write() as session:
            records.lock(session, record.id)
        if base is None:
            _check_new(database, wanted.name, version.sha256)  # somebody else may have brought it just now

    try:
        with (
            workspace.keeping(record.name, version.number, staging, check) as version.pointer,
            database.write() as session,
        ):
            records.add_version(session, version)
            about = {"version": version.number, "images": version.images, "objects": version.objects}
            trace(session, actor, "dataset.version", f"dataset:{record.name}", {**about, "sha256": version.sha256})
    except BaseException:
        with contextlib.suppress(RegistryError), database.write() as session:
            records.remove_empty(session, record.id)
        raise


def check_task(record: DatasetRecord, task: str) -> None:
    """Raise InvalidDataset where a dataset is for another task."""
    if record.task != task:
        raise InvalidDataset(f"dataset {record.name!r} teaches to {record.task}, this one to {task}")


def _check_new(database: Database, name: str, sha256: str) -> None:
    with database.read() as session:
        record = records.by_name(session, name)
        newest = records.versions(session, record.id)[:1] if record else ()
    if newest and newest[0].sha256 == sha256:
        raise NothingNewError(newest[0])
