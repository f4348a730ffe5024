"""A registered model and its versions as MLflow keeps them, read into our words."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, get_args

from registry.errors import IntegrityError
from registry.mlflow_file import AccessLevel
from registry.models import tags
from registry.models.files import bundle_sha256
from registry.models.types import ModelSummary, ModelVersion
from registry.runtime.card import ModelCard
from registry.runtime.machine import host_key


def read_model(found: Any) -> ModelSummary:
    """A model from MLflow's registered model."""
    newest = max(found.latest_versions or (), key=lambda each: int(each.version), default=None)
    level = found.tags.get(tags.ACCESS_LEVEL, "private")  # what was not published by us stays with administrators
    if level not in get_args(AccessLevel):
        level = "private"
    return ModelSummary(
        name=found.name,
        task=found.tags.get(tags.TASK, ""),
        description=found.description or "",
        access_level=level,
        owner_id=found.tags.get(tags.OWNER_ID, ""),
        owner_name=found.tags.get(tags.OWNER_NAME, ""),
        granted_to=tags.read_grants(found.tags),
        created_at=_time(found.creation_timestamp),
        updated_at=_time(found.last_updated_timestamp),
        latest_version=int(newest.version) if newest else 0,
        aliases={alias: int(version) for alias, version in (found.aliases or {}).items()},
        metrics=tags.read_metrics(newest.tags) if newest else {},
        archived=tags.ARCHIVED in found.tags,
    )


def read_version(found: Any, card: ModelCard, model: ModelSummary) -> ModelVersion:
    """A version from MLflow's model version, its card and its model. Raises IntegrityError."""
    number = int(found.version)
    sha256, files = tags.read_sha256(found.tags, tags.SHA256), tags.read_files(found.tags)
    if sha256 != bundle_sha256(files):
        raise IntegrityError(
            f"the tags {tags.SHA256} and {tags.FILES} of a version do not agree: it is not what was registered"
        )
    return ModelVersion(
        name=found.name,
        version=number,
        sha256=sha256,
        files=files,
        size_bytes=read_size(found.tags),
        card=card,
        aliases=tuple(sorted(alias for alias, held in model.aliases.items() if held == number)),
        created_at=_time(found.creation_timestamp),
        run_id=found.run_id or "",
        published_by=found.tags.get(tags.PUBLISHED_BY, ""),
        parent=found.tags.get(tags.PARENT, ""),
        notes=tags.read_notes(found.tags),
        tuned=found.tags.get(f"{tags.TUNED}{host_key()}", ""),
        model_created_at=model.created_at,
    )


def read_size(found: Mapping[str, str]) -> int:
    """Bytes of a version's served files by its tags; 0 where they do not say."""
    return _bytes(found.get(tags.SIZE, ""))


def read_kept_size(found: Mapping[str, str]) -> int:
    """Bytes of all that a version keeps, the checkpoint that it came from with it; 0 where its tags do not say."""
    return read_size(found) + _bytes(found.get(tags.KEPT_SIZE, ""))


def _bytes(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 16 else 0


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
