"""Batch inference as a flow."""

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.client.schemas import State

from flows.job import run_job
from flows.spreading import datasets_of, look_at_stretch, over_ray

if TYPE_CHECKING:
    from registry.jobs.rooms import JobRooms
    from registry.jobs.running import JobRun, Result


@flow(name="batch", retries=0)
def batch(job_id: str, ticket: int) -> State[Any]:
    """Answer about every image of a job."""
    return run_job(job_id, ticket, _work)


def _work(run: "JobRun", rooms: "JobRooms") -> "Result":
    from registry.jobs.batch import predict_batch

    return predict_batch(run, rooms, datasets_of(rooms), over_ray(rooms.settings, look_at_stretch))
