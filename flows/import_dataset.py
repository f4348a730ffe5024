"""The import of a dataset as a flow."""

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.client.schemas import State

from flows.job import run_job

if TYPE_CHECKING:
    from registry.jobs.rooms import JobRooms
    from registry.jobs.running import JobRun, Result


@flow(name="import", retries=0)
def import_dataset(job_id: str, ticket: int) -> State[Any]:
    """Check an archive that was sent, and make it a version of a dataset."""
    return run_job(job_id, ticket, _work)


def _work(run: "JobRun", rooms: "JobRooms") -> "Result":
    from registry.training.datasets.importing import import_as_job

    return import_as_job(run, rooms)
