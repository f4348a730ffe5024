"""The clean-up as a flow."""

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.client.schemas import State

from flows.job import run_job

if TYPE_CHECKING:
    from registry.jobs.rooms import JobRooms
    from registry.jobs.running import JobRun, Result


@flow(name="clean", retries=0)
def clean(job_id: str, ticket: int) -> State[Any]:
    """Count what is old, and remove it unless it is a dry run."""
    return run_job(job_id, ticket, _work)


def _work(run: "JobRun", rooms: "JobRooms") -> "Result":
    from registry.jobs import clean as cleaning

    return cleaning.clean(run, rooms)
