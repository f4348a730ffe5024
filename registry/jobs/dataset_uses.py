"""Which dataset a job or a schedule works with, and what works with a dataset at the moment."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session

from registry.errors import JobNotRetried
from registry.jobs.batch_parameters import DATASET
from registry.jobs.kinds import IMPORT
from registry.jobs.tuning_parameters import STARTER
from registry.records import Job, datasets, jobs, schedules


def dataset_of(kind: str, parameters: Mapping[str, Any]) -> str:
    """The name of the dataset that a job or schedule of that kind works with; empty where there is none."""
    if kind == IMPORT.name:
        return str(parameters.get("name", ""))
    source = str(parameters.get("source", ""))
    reference = source if source.startswith(DATASET) else str(parameters.get("dataset", ""))
    name = reference.removeprefix(DATASET).partition("/")[0]
    return "" if name == STARTER else name


def uses_of(session: Session, name: str) -> Sequence[str]:
    """Jobs that have not ended and schedules that are not paused, in words."""
    working = [
        f"{job.kind} job {job.id[:8]} of {job.owner_name}"
        for job in jobs.unfinished(session)
        if dataset_of(job.kind, job.parameters) == name
    ]
    planned = [
        f"schedule {each.name!r} of {each.owner_name}"
        for each in schedules.every(session)
        if each.active and dataset_of(each.kind, each.parameters) == name
    ]
    return [*working, *planned]


def check_dataset_is_there(session: Session, job: Job) -> None:
    """Raise JobNotRetried where the dataset that a job reads was deleted since."""
    name = dataset_of(job.kind, job.parameters)
    if not name or job.kind == IMPORT.name or datasets.by_name(session, name) is not None:
        return
    raise JobNotRetried(
        f"the dataset {name!r} that the job reads was deleted", hint="Start a new job with a dataset that is there."
    )
