"""What a tune found, before anything is kept of it: as a job stores it, a kill before the end changes nothing."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from registry.jobs.files import JobFiles
from registry.models.tuning_table import TuningTable
from registry.runtime.card import ModelCard
from registry.runtime.host_choice import HostChoice
from registry.tuning.variants import Variant

_FOUND, _FORM = "found.json", "form.onnx"


@dataclass(frozen=True, slots=True)
class Findings:
    """The table, how the version's own files run best (None: by default), and the form that beats them, if one does."""

    table: TuningTable
    choice: HostChoice | None
    form: Variant | None


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True)

    table: TuningTable
    choice: HostChoice | None
    card: ModelCard | None = None
    numbers: str = ""


def store(files: JobFiles, found: Findings) -> None:
    """Store findings with a job, whole or not at all. Raises StorageUnavailable."""
    stored = _Stored(table=found.table, choice=found.choice)
    if found.form is not None:
        files.put("parts", _FORM, found.form.model_bytes)
        stored = stored.model_copy(update={"card": found.form.card, "numbers": found.form.numbers})
    files.put("parts", _FOUND, stored.model_dump_json().encode())


def stored_findings(files: JobFiles) -> Findings | None:
    """What an earlier run of a job has found; None where none has come so far. Raises StorageUnavailable."""
    if _FOUND not in set(files.names("parts")):
        return None
    stored = _Stored.model_validate_json(files.get("parts", _FOUND))
    if stored.card is None:
        return Findings(stored.table, stored.choice, None)
    return Findings(stored.table, stored.choice, Variant(files.get("parts", _FORM), stored.card, stored.numbers))
