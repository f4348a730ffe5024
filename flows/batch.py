"""Batch inference as a flow."""

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.client.schemas import State

from flows.job import run_job

if TYPE_CHECKING:
    from registry.jobs.rooms import JobRooms
    from registry.jobs.running import JobRun, Result


@flow(name="batch", retries=0)
def batch(job_id: str, ticket: int) -> State[Any]:
    """Answer about every image of a job."""
    return run_job(job_id, ticket, _work)


def _work(run: "JobRun", rooms: "JobRooms") -> "Result":
    from registry.jobs.batch import predict_batch
    from registry.training.datasets.catalogue import Datasets
    from registry.training.datasets.images import images_of
    from registry.training.datasets.workspace import Workspace

    return predict_batch(run, rooms, images_of(Datasets(rooms.database, Workspace(rooms.settings))))
