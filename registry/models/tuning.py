"""What a tune found out about a version: its tables, kept with the version, and the choice for each host."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import structlog
from pydantic import ValidationError

from registry.access import Action, Actor, require
from registry.models import tags
from registry.models.registry import ModelRegistry
from registry.models.tuning_table import TuningTable
from registry.models.types import ModelVersion
from registry.runtime.host_choice import HostChoice
from registry.runtime.machine import host_key
from registry.validation import first_problem

FOLDER = "tune"
_LARGEST = 1 << 20  # bytes of a table: more was not written by us
_MOST = 50  # hosts
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Tuning:
    """One host's table for a version, and whether it is this machine's."""

    here: bool
    table: TuningTable


def record(
    models: ModelRegistry, actor: Actor, version: ModelVersion, table: TuningTable, choice: HostChoice | None
) -> None:
    """Keep this host's table with a version, and let serving here run it as `choice` says; None is the default.

    The tags are for everybody who looks at the version in MLflow. Raises Forbidden, MlflowUnavailable.
    """
    require(actor, Action.CHANGE_MODEL, models.get(actor, version.name).target())
    host, number = host_key(), str(version.version)
    with models.connected() as client:
        client.log_dict(version.run_id, table.model_dump(mode="json"), f"{FOLDER}/{host}.json")
        client.set_model_version_tag(version.name, number, f"{tags.TUNED_SPEED}{host}", table.verdict[:500])
        if choice is not None:
            client.set_model_version_tag(version.name, number, f"{tags.TUNED}{host}", choice.dump())
        elif version.tuned:
            client.delete_model_version_tag(version.name, number, f"{tags.TUNED}{host}")
    models.trace(
        actor, "model.tune", version.name, version=version.version, host=host, choice=str(choice or "the default")
    )


def tunings(models: ModelRegistry, actor: Actor, name: str, number: int) -> list[Tuning]:
    """The tables of a version, this machine's first. Raises ModelNotFound, VersionNotFound, MlflowUnavailable."""
    version = models.resolve(actor, name, version=number)
    with models.connected() as client, tempfile.TemporaryDirectory(prefix="nexusai-tune-") as folder:
        found = [
            _read(Path(client.download_artifacts(version.run_id, entry.path, folder)))
            for entry in list(client.list_artifacts(version.run_id, FOLDER))[:_MOST]
            if entry.path.endswith(".json") and (entry.file_size or 0) <= _LARGEST
        ]
    kept = [Tuning(table.host == host_key(), table) for table in found if table is not None]
    return sorted(kept, key=lambda each: (not each.here, each.table.host))


def _read(path: Path) -> TuningTable | None:
    """A table, unless somebody else wrote the file."""
    try:
        return TuningTable.model_validate_json(path.read_bytes())
    except ValidationError as error:
        _log.warning("tuning_unreadable", file=path.name, problem=str(first_problem(error)))
        return None
