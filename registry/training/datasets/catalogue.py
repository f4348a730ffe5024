"""The datasets one may see, their versions and what is in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.access import Action, Actor, Target, require
from registry.access.permissions import visible
from registry.errors import DatasetNotFound, VersionNotFound
from registry.models.names import check_name
from registry.records import Database, DatasetRecord, DatasetVersion
from registry.records import datasets as records
from registry.training.datasets.difference import Difference, difference
from registry.training.datasets.export import export
from registry.training.datasets.version import OpenVersion, open_version
from registry.training.datasets.workspace import Workspace

DATASET_NAME = "a dataset's name"


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """A dataset as a list shows it: with its newest version."""

    record: DatasetRecord
    newest: DatasetVersion

    def to_dict(self) -> dict[str, Any]:
        """As the HTTP contract has it."""
        return {
            "name": self.record.name,
            "task": self.record.task,
            "description": self.record.description,
            "access_level": self.record.access_level,
            "owner": self.record.owner_name,
            "latest_version": self.newest.number,
            "images": self.newest.images,
            "objects": self.newest.objects,
            "classes": self.newest.classes,
            "splits": self.newest.splits,
            "created_at": self.record.created_at.isoformat(),
            "updated_at": self.record.updated_at.isoformat(),
        }


def version_dict(version: DatasetVersion) -> dict[str, Any]:
    """A version as the HTTP contract has it."""
    return {
        "version": version.number,
        "parent": version.parent,
        "note": version.note,
        "sha256": version.sha256,
        "images": version.images,
        "objects": version.objects,
        "classes": version.classes,
        "splits": version.splits,
        "problems": version.problems,
        "size_bytes": version.size_bytes,
        "created_by": version.created_by,
        "created_at": version.created_at.isoformat(),
        "pushed_at": version.pushed_at.isoformat() if version.pushed_at else None,
    }


def target_of(record: DatasetRecord) -> Target:
    """The dataset as the permission table sees it."""
    return Target(f"dataset {record.name!r}", record.owner_id, record.access_level)  # type: ignore[arg-type]


class Datasets:
    """Datasets of one platform, for reading, under the rules of the permission table."""

    def __init__(self, database: Database, workspace: Workspace) -> None:
        self.database = database
        self.workspace = workspace

    def list(
        self, actor: Actor, *, search: str = "", task: str = "", number: int = 1, size: int = 50
    ) -> tuple[Sequence[DatasetSummary], int]:
        """One page of the datasets the actor may see, by name, and how many there are in all."""
        require(actor, Action.READ_DATASET)
        needle = search.casefold()
        with self.database.read() as session:
            newest = records.newest(session)
            found = [
                DatasetSummary(record, newest[record.id])
                for record in records.every(session)
                if record.id in newest
                and visible(actor, target_of(record))
                and task in ("", record.task)
                and needle in f"{record.name} {record.description}".casefold()
            ]
        return found[(number - 1) * size : number * size], len(found)

    def record(self, actor: Actor, name: str, action: Action = Action.READ_DATASET) -> DatasetRecord:
        """A dataset's record, for an action. Raises DatasetNotFound, Forbidden, InvalidInput."""
        check_name(name, DATASET_NAME)
        with self.database.read() as session:
            found = records.by_name(session, name)
        if found is None or (actor.known and not visible(actor, target_of(found))):
            raise DatasetNotFound(f"there is no dataset {name!r}, or you may not see it")
        require(actor, action, target_of(found))
        return found

    def get(self, actor: Actor, name: str) -> DatasetSummary:
        """One dataset with its newest version. Raises DatasetNotFound."""
        record = self.record(actor, name)
        return DatasetSummary(record, self.version(actor, name))

    def versions(self, actor: Actor, name: str) -> Sequence[DatasetVersion]:
        """Every version, newest first. Raises DatasetNotFound."""
        record = self.record(actor, name)
        with self.database.read() as session:
            return records.versions(session, record.id)

    def version(self, actor: Actor, name: str, number: int | None = None) -> DatasetVersion:
        """A version, or the newest. Raises DatasetNotFound, VersionNotFound."""
        for found in self.versions(actor, name):
            if number in (None, found.number):
                return found
        raise VersionNotFound(
            f"dataset {name!r} has no version {number or 'yet'}",
            hint="GET /api/v1/datasets/{name}/versions lists its versions.",
        )

    def open(self, actor: Actor, name: str, number: int | None = None) -> OpenVersion:
        """What is in a version, fetched where it is not here. Raises as `version` does, and StorageUnavailable."""
        version = self.version(actor, name, number)
        folder = self.workspace.ensure(name, version.number, version.pointer)
        return open_version(folder, version.sha256)

    def diff(self, actor: Actor, name: str, before: int, after: int) -> Difference:
        """What changed between two versions. Raises as `open` does."""
        return difference(self.open(actor, name, before).dataset, self.open(actor, name, after).dataset)

    def export(self, actor: Actor, name: str, number: int | None, form: str, target: Path) -> Path:
        """Write a version to a .zip file or a new folder. Raises as `open` does, and InvalidInput."""
        found = self.open(actor, name, number)
        return export(found.folder, found.dataset, form, target)

    def restore(self, actor: Actor, name: str, number: int | None, folder: Path) -> DatasetVersion:
        """Copy a version in the canonical form to a new folder. Raises as `open` does, and InvalidInput."""
        version = self.version(actor, name, number)
        self.open(actor, name, version.number)
        self.workspace.copy(name, version.number, folder)
        return version
