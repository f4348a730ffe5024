"""A training for whoever watches it: the figures of every epoch, while it runs and afterwards."""

import io
from typing import Any

import pyarrow.parquet as pq

from registry.access import Actor
from registry.errors import ObjectNotFound
from registry.jobs.files import JobFiles
from registry.jobs.jobs import Jobs
from registry.training.finetune.kept import read_epochs

_TABLE = "epochs.parquet"


def epochs_of(jobs: Jobs, actor: Actor, job_id: str) -> list[dict[str, Any]]:
    """A row for each finished epoch: `epoch`, `seconds`, `best` and the figures. Raises JobNotFound."""
    job = jobs.get(actor, job_id)
    if any(each["name"] == _TABLE for each in (job.result or {}).get("files", [])):
        file, _ = jobs.open_result(actor, job_id, _TABLE)
        with file:
            rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(file.read())).to_pylist()
        return rows
    try:
        found = read_epochs(JobFiles(jobs.storage, job_id))
    except (ObjectNotFound, ValueError):
        return []
    return [{"epoch": each.epoch, "seconds": each.seconds, "best": each.best, **each.figures} for each in found]
