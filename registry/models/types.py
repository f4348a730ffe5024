"""What the registry tells about a model and its versions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from registry.access import Target
from registry.mlflow_file import AccessLevel
from registry.runtime.card import ModelCard

CHAMPION = "champion"


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version: its card, the files that are served and where they come from.

    `files` maps a file's name to its sha256 (hex). `sha256` identifies the version: that of its only
    file, or of the sorted list of names and hashes where it has several. `tuned` is what a tune chose for this
    machine, as `HostChoice` writes it, empty for nothing.
    """

    name: str
    version: int
    sha256: str
    files: dict[str, str]
    size_bytes: int
    card: ModelCard
    aliases: tuple[str, ...]
    created_at: datetime
    run_id: str
    published_by: str
    parent: str = ""  # the version it was made from, as name/version
    notes: dict[str, str] = field(default_factory=dict)  # what is kept beside the served files, with its sha256
    tuned: str = ""
    model_created_at: datetime | None = None  # one that is deleted and made anew under its name is another model

    @property
    def reference(self) -> str:
        """What people and other versions call it."""
        return f"{self.name}/{self.version}"

    @property
    def key(self) -> str:
        """What a loaded version is known by: the same bytes may be published twice, or run in another way."""
        return f"{self.run_id}:{self.sha256}:{self.tuned}"


@dataclass(frozen=True, slots=True)
class Damaged:
    """A version that is not what was registered: what somebody or a disk changed of it. It answers nothing."""

    version: int
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """As the HTTP contract has it."""
        return {"version": self.version, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Survey:
    """The versions of a model, newest first."""

    versions: Sequence[ModelVersion]
    damaged: Sequence[Damaged]


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """A registered model as a list shows it; `task` and `metrics` are those of its newest version.

    `latest_version` is 0 as long as it has none.
    """

    name: str
    task: str
    description: str
    access_level: AccessLevel
    owner_id: str
    owner_name: str
    granted_to: frozenset[str]
    created_at: datetime
    updated_at: datetime
    latest_version: int
    aliases: dict[str, int]
    metrics: dict[str, float] = field(default_factory=dict)
    archived: bool = False

    def target(self) -> Target:
        """The model as the permission table sees it."""
        return Target(f"model {self.name!r}", self.owner_id, self.access_level, self.granted_to)

    def to_dict(self) -> dict[str, Any]:
        """The model as the HTTP contract has it."""
        return {
            "id": self.name,
            "name": self.name,
            "task": self.task,
            "description": self.description,
            "access_level": self.access_level,
            "owner": self.owner_name,
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
            "latest_version": self.latest_version,
            "aliases": self.aliases,
            "metrics": self.metrics,
            "archived": self.archived,
        }


def lineage_dict(version: ModelVersion) -> dict[str, str]:
    """Where a version comes from; empty texts for what its publisher did not say."""
    return {
        "run_id": version.run_id,
        "dataset": version.card.dataset,
        "git_commit": version.card.git_commit,
        "source": version.card.source,
        "parent": version.parent,
    }


def version_dict(version: ModelVersion) -> dict[str, Any]:
    """A version as the HTTP contract has it, card included."""
    return {
        "version": version.version,
        "sha256": version.sha256,
        "files": version.files,
        "size_bytes": version.size_bytes,
        "aliases": list(version.aliases),
        "created_at": version.created_at.isoformat(),
        "run_id": version.run_id,
        "published_by": version.published_by,
        "card": version.card.model_dump(mode="json"),
        "lineage": lineage_dict(version),
    }
