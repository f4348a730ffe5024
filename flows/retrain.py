"""Training a model further as a flow."""

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.client.schemas import State

from flows.job import run_job

if TYPE_CHECKING:
    from registry.jobs.rooms import JobRooms
    from registry.jobs.running import JobRun, Result


@flow(name="train", retries=0)
def retrain(job_id: str, ticket: int) -> State[Any]:
    """Train a registered model on a version of a dataset."""
    return run_job(job_id, ticket, _work)


def _work(run: "JobRun", rooms: "JobRooms") -> "Result":
    from registry.training.finetune.work import fine_tune

    return fine_tune(run, rooms)
