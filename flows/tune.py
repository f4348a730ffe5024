"""Tuning a version for this machine as a flow."""

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.client.schemas import State

from flows.job import run_job

if TYPE_CHECKING:
    from registry.jobs.rooms import JobRooms
    from registry.jobs.running import JobRun, Result


@flow(name="tune", retries=0)
def tune(job_id: str, ticket: int) -> State[Any]:
    """Measure every way to run a version, and keep the fastest that is accurate enough."""
    return run_job(job_id, ticket, _work)


def _work(run: "JobRun", rooms: "JobRooms") -> "Result":
    from registry.tuning.tune_job import tune_as_job

    return tune_as_job(run, rooms)
