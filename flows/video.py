"""Video analysis as a flow."""

from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.client.schemas import State

from flows.job import run_job
from flows.spreading import look_at_segment, over_ray

if TYPE_CHECKING:
    from registry.jobs.rooms import JobRooms
    from registry.jobs.running import JobRun, Result


@flow(name="video", retries=0)
def video(job_id: str, ticket: int) -> State[Any]:
    """Analyse the video of a job."""
    return run_job(job_id, ticket, _work)


def _work(run: "JobRun", rooms: "JobRooms") -> "Result":
    from registry.jobs.video.analysis import analyse_video

    return analyse_video(run, rooms, spread=over_ray(rooms.settings, look_at_segment))
