"""What every flow is made of: the job's rooms, its run, its progress in Prefect, its end."""

import contextvars
import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.schemas import State
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Completed, Failed

from flows.logs import configure_logs
from registry.libraries import prepare_libraries
from registry.settings import load_settings

if TYPE_CHECKING:  # the runner imports every flow, and should stay small
    from registry.jobs.rooms import JobRooms
    from registry.jobs.running import JobRun, Result

_SOON_S, _TELL_S = 0.2, 2.0
_log = structlog.get_logger(__name__)


def run_job(job_id: str, ticket: int, work: "Callable[[JobRun, JobRooms], Result]") -> State[Any]:
    """Take the job, do its work, end it, and tell Prefect in which state."""
    prepare_libraries()
    from registry.jobs.rooms import JobRooms
    from registry.jobs.running import execute
    from registry.records import JobState

    settings = load_settings()
    configure_logs(settings.log_level)
    rooms = JobRooms.open(settings)
    gc.freeze()  # what libraries hold stays: no collection looks at it again

    def watched(run: "JobRun") -> "Result":
        with _progress_in_prefect(run):
            return work(run, rooms)

    try:
        state, why = execute(rooms.database, rooms.storage, job_id, ticket, watched)
    finally:
        rooms.close()
    if state is JobState.SUCCEEDED:
        return Completed(message=f"job {job_id} has succeeded")
    if state is JobState.FAILED:
        return Failed(message=why)
    return Cancelled(message=why or f"job {job_id} was cancelled")


@contextmanager
def _progress_in_prefect(run: "JobRun") -> Iterator[None]:
    """A progress artifact of the flow run, beside the work: Prefect may be slow, or away."""
    over, here = threading.Event(), contextvars.copy_context()
    thread = threading.Thread(target=here.run, args=(_tell, run, over), name="artifact", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(_TELL_S)


def _tell(run: "JobRun", over: threading.Event) -> None:
    """Tell Prefect again and again until it is over, whatever becomes of Prefect meanwhile."""
    artifact: UUID | None = None
    ended = is_away = False
    pause_s = _SOON_S
    while not ended:
        ended = over.wait(pause_s)
        pause_s = _TELL_S
        try:
            artifact = _told(run, artifact)
            is_away = False
        except Exception as error:  # noqa: BLE001 - a thread's edge: the work does not depend on what Prefect shows
            if not is_away:
                _log.info("progress_not_told", job=run.job_id, reason=str(error)[:200])
            is_away = True


def _told(run: "JobRun", artifact: UUID | None) -> UUID:
    """The artifact that shows how far the run is now: the one there was, unless Prefect has lost it."""
    percent = 100.0 * run.done / run.total if run.total else 0.0
    about = f"{run.done:,} of {run.total:,}, {run.stage}"
    if artifact is not None:
        with suppress(ObjectNotFound):
            update_progress_artifact(artifact, percent, about)
            return artifact
    return UUID(str(create_progress_artifact(percent, f"job-{run.job_id}", about)))
