"""The optimisation of a version as a flow."""

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.client.schemas import State

from flows.job import run_job

if TYPE_CHECKING:
    from registry.jobs.rooms import JobRooms
    from registry.jobs.running import JobRun, Result


@flow(name="optimise", retries=0)
def optimise(job_id: str, ticket: int) -> State[Any]:
    """Make the forms of a version, measure them, publish those that pass both gates."""
    return run_job(job_id, ticket, _work)


def _work(run: "JobRun", rooms: "JobRooms") -> "Result":
    from registry.tuning import optimise_job

    return optimise_job.optimise(run, rooms)
