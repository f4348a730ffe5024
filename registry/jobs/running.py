"""One run of a job in this process: it takes the job, beats, tells progress, ends it once."""

import threading
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import structlog

from registry.access.actor import Actor
from registry.errors import RegistryError, Unavailable
from registry.jobs.files import JobFiles
from registry.jobs.owners import owner_of
from registry.records import Database, Job, JobState, jobs, utc_now
from registry.storage import Storage

BEAT_S = 1.5
MOST_LOSSES_TO_OTHERS = 8  # tries while something the job needs is away
_LONGEST_WAIT_S = 120

_log = structlog.get_logger(__name__)
Result = dict[str, Any]


class JobLost(Exception):
    """Another run has the job by now: this one must stop and leave no trace."""


class JobCancelled(Exception):
    """Somebody cancelled the job, and nothing of it is worth keeping."""


class JobRun:
    """A run that has taken its job. `told(run)` is called after each beat, in a thread of its own."""

    def __init__(
        self, database: Database, storage: Storage, job: Job, told: Callable[["JobRun"], None] | None = None
    ) -> None:
        self.job_id, self.ticket, self.kind, self.owner_id = job.id, job.ticket, job.kind, job.owner_id
        self.parameters: dict[str, Any] = job.parameters
        self.files = JobFiles(storage, job.id)
        self.done, self.total, self.stage = job.done, job.total, ""
        self.mlflow_run_id = job.mlflow_run_id
        self._database, self._told = database, told
        self._cancelled, self._lost, self._over = threading.Event(), threading.Event(), threading.Event()
        if job.cancel_requested_at is not None:  # it is there to write down what others finished
            self._cancelled.set()
        self._one_beat = threading.Lock()
        self._thread = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        """Begin to beat."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop beating."""
        self._over.set()
        self._thread.join()

    def progress(self, done: int, total: int, stage: str) -> None:
        """How far the work is; written with the next beat."""
        self.done, self.total, self.stage = done, total, stage

    @property
    def cancelled(self) -> bool:
        """Whether to stop and keep what is finished. Raises JobLost."""
        if self._lost.is_set():
            raise JobLost(self.job_id)
        return self._cancelled.is_set()

    def check(self) -> None:
        """For work of which only the whole is of use: raise JobCancelled or JobLost where it should stop."""
        if self.cancelled:
            raise JobCancelled(self.job_id)

    def owner(self) -> Actor:
        """Who the job works for, with the rights they have now. Raises Forbidden."""
        return owner_of(self._database, self.owner_id, "started this job")

    def beat(self) -> None:
        """One sign of life with the progress so far."""
        with self._one_beat, self._database.write() as session:  # or an older count is written over a newer one
            job = jobs.beat(
                session,
                self.job_id,
                self.ticket,
                done=self.done,
                total=self.total,
                stage=self.stage,
                mlflow_run_id=self.mlflow_run_id,
            )
        if job is None:
            self._lost.set()
        elif job.cancel_requested_at is not None:
            self._cancelled.set()

    def _beat_on(self) -> None:
        while not self._lost.is_set():
            try:
                self.beat()
                if self._told is not None:
                    self._told(self)
            except Unavailable as error:  # the work goes on; who watches judges again when the database is back
                _log.warning("heartbeat_missed", job=self.job_id, reason=error.message)
            except Exception as error:  # noqa: BLE001 - a thread's edge: a run without heartbeat would be lost
                _log.error("heartbeat_failed", job=self.job_id, exc_info=error)
            if self._over.wait(BEAT_S):
                return


def execute(
    database: Database,
    storage: Storage,
    job_id: str,
    ticket: int,
    work: Callable[[JobRun], Result],
    told: Callable[[JobRun], None] | None = None,
) -> tuple[JobState | None, str]:
    """Take a job, do its work, end it; the state it ended in and why, None where it was not this run's to end.

    `work` returns the result; when `run.cancelled` it returns what was finished until then.
    """
    with database.write() as session:
        job = jobs.take(session, job_id, ticket)
    return _do(database, storage, job, work, told)


def execute_here(
    database: Database,
    storage: Storage,
    job_id: str,
    work: Callable[[JobRun], Result],
    told: Callable[[JobRun], None] | None = None,
) -> tuple[JobState | None, str]:
    """As `execute`, for a waiting job that no runner was handed; should this process die, a runner goes on with it."""
    with database.write() as session:
        waiting = session.get(Job, job_id, with_for_update=True)
        if waiting is None or waiting.state != JobState.QUEUED or waiting.handed_over_at is not None:
            return None, "the job was started elsewhere, or has ended"
        ticket = jobs.hand_over(session, waiting)
        session.flush()
        job = jobs.take(session, job_id, ticket)
    return _do(database, storage, job, work, told)


def _do(
    database: Database,
    storage: Storage,
    job: Job | None,
    work: Callable[[JobRun], Result],
    told: Callable[[JobRun], None] | None,
) -> tuple[JobState | None, str]:
    """Do the work of a job that was taken, and end it."""
    if job is None:
        return None, "the job was started elsewhere, or has ended"
    with JobRun(database, storage, job, told) as run:
        try:
            result: Result | None = work(run)
            state = JobState.CANCELLED if run.cancelled else JobState.SUCCEEDED
            run.beat()  # the last counts
        except JobLost:
            return None, "another run has the job by now"
        except JobCancelled:
            result, state = None, JobState.CANCELLED
        except Unavailable as error:
            return _try_again(database, job, run.files, error)
        except RegistryError as error:
            return _failed(database, job, run.files, error)
        except Exception as error:  # noqa: BLE001 - a process's edge: the job must not stay "running"
            _log.error("job_failed", job=job.id, kind=job.kind, exc_info=error)
            return _failed(database, job, run.files, _unforeseen(error, job.id))
    return _end(database, job, run.files, state, result=result, mlflow_run_id=run.mlflow_run_id)


def tidy(files: JobFiles, ticket: int, *, may_be_retried: bool = False) -> None:
    """Remove what an ended job needs no more; what cannot be removed now is the clean-up's."""
    try:
        if not may_be_retried:
            files.clear("parts", "input")
        for name in [name for name in files.names("results") if not name.startswith(f"{ticket}/")]:
            files.storage.delete(files.key("results", name))
    except (RegistryError, OSError) as error:
        _log.warning("job_not_tidied", job=files.job_id, reason=str(error)[:200])


def pause_after(losses: int) -> timedelta:
    """How long a job waits that was lost so many times in a row: longer each time."""
    return timedelta(seconds=min(2**losses, _LONGEST_WAIT_S))


def _try_again(database: Database, job: Job, files: JobFiles, error: Unavailable) -> tuple[JobState | None, str]:
    """Wait for what is away, longer each time, but not for ever; a cancelled job only where something is finished."""
    has_parts = files.may_hold("parts")
    with database.write() as session:
        now = session.get(Job, job.id, with_for_update=True) or job
        losses, is_over = now.losses + 1, now.cancel_requested_at is not None and not has_parts
        if not is_over and losses <= MOST_LOSSES_TO_OTHERS:
            pause, why = utc_now() + pause_after(losses), error.message
            jobs.put_back(session, job.id, job.ticket, not_before=pause, losses=losses, why=why)
            return None, f"{error.message}; it is tried again"
    if is_over:
        return _end(database, job, files, JobState.CANCELLED)
    return _failed(database, job, files, error)


def _failed(database: Database, job: Job, files: JobFiles, error: RegistryError) -> tuple[JobState | None, str]:
    about = error.to_dict()["error"]
    del about["request_id"]
    return _end(database, job, files, JobState.FAILED, error=about, why=error.message)


def _end(  # noqa: PLR0913 - what a job may come to
    database: Database,
    job: Job,
    files: JobFiles,
    state: JobState,
    *,
    result: Result | None = None,
    error: dict[str, Any] | None = None,
    mlflow_run_id: str = "",
    why: str = "",
) -> tuple[JobState | None, str]:
    """End a job unless another run has it, and tidy."""
    with database.write() as session:
        ended = jobs.end(session, job.id, job.ticket, state, result=result, error=error, mlflow_run_id=mlflow_run_id)
    if not ended:
        return None, "another run has the job by now"
    tidy(files, job.ticket, may_be_retried=state is JobState.FAILED)
    return state, why


def _unforeseen(error: Exception, job_id: str) -> RegistryError:
    what = "there is not enough memory" if isinstance(error, MemoryError) else "something went wrong here"
    return RegistryError(what, hint=f"The runner's log names it under job {job_id}.")
