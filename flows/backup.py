"""The backup of the databases as a flow."""

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.client.schemas import State

from flows.job import run_job

if TYPE_CHECKING:
    from registry.jobs.rooms import JobRooms
    from registry.jobs.running import JobRun, Result


@flow(name="backup", retries=0)
def backup(job_id: str, ticket: int) -> State[Any]:
    """Copy the databases into the storage."""
    return run_job(job_id, ticket, _work)


def _work(run: "JobRun", rooms: "JobRooms") -> "Result":
    from registry.jobs.backup import back_up

    return back_up(run, rooms)
