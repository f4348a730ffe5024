"""Starting, finding, cancelling jobs, and opening their results: with permission, into the audit trail."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, BinaryIO

from pydantic import BaseModel
from sqlmodel import Session

from registry.access import Action, Actor, Target, require
from registry.access.permissions import visible
from registry.access.trail import trace
from registry.errors import JobEnded, JobNotFound, JobNotRetried, ObjectNotFound, TooManyRequests
from registry.jobs.dataset_uses import check_dataset_is_there
from registry.jobs.files import JobFiles
from registry.jobs.kinds import kind_of
from registry.jobs.running import tidy
from registry.jobs.view import job_dict
from registry.records import Database, Job, JobState, Role, Runner, jobs, new_id, one_at_a_time, utc_now
from registry.storage import Storage

MOST_UNFINISHED = 200  # of one owner
_RETRY_AFTER_S = 30
_WORDS = {
    JobState.QUEUED: "waiting",
    JobState.RUNNING: "running",
    JobState.SUCCEEDED: "done",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}


class Jobs:
    """The jobs of one platform. A job is a row first; a runner hands it on from there."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self.database = database
        self.storage = storage

    def check_room(self, actor: Actor) -> None:
        """Raise Forbidden or TooManyRequests where the actor may not start a job now."""
        require(actor, Action.START_JOB)
        with self.database.read() as session:
            unfinished = jobs.count_unfinished(session, actor.id)
        if unfinished >= MOST_UNFINISHED:
            raise TooManyRequests(
                f"{unfinished} jobs of yours have not ended yet",
                hint="Wait until some have ended, or cancel them.",
                details={"retry_after_s": _RETRY_AFTER_S},
            )

    def start(
        self,
        actor: Actor,
        kind: str,
        parameters: BaseModel,
        *,
        job_id: str = "",
        key: str | None = None,
        total: int = 0,
        not_before: datetime | None = None,
    ) -> Job:
        """Queue a job, or give back the actor's earlier one with the same key, unless that came to nothing.

        `parameters` are those of the kind, `job_id` is given where files lie ready under it. No runner is handed it
        `not_before` that time.
        Raises InvalidInput, Forbidden, TooManyRequests.
        """
        job = self._made(actor, kind, parameters)
        job.id, job.idempotency_key, job.total, job.not_before = job_id or job.id, key, total, not_before
        with self.database.write() as session:
            return _kept(session, actor, job)

    def start_unless(
        self, actor: Actor, kind: str, parameters: BaseModel, earlier: Callable[[Session], Job | None], key: str | None
    ) -> Job:
        """Queue a job whose total is 100, unless `earlier` names one to give back, or raises.

        Nobody else starts one of the kind this way meanwhile. Raises as `start`.
        """
        job = self._made(actor, kind, parameters)
        job.idempotency_key, job.total = key, 100
        with self.database.write() as session:
            one_at_a_time(session.connection(), f"start {kind}")
            return earlier(session) or _kept(session, actor, job)

    def _made(self, actor: Actor, kind: str, parameters: BaseModel) -> Job:
        wanted = kind_of(kind).parameters.model_validate(parameters.model_dump())
        self.check_room(actor)
        given = wanted.model_dump(mode="json")
        return Job(id=new_id(), kind=kind, owner_id=actor.id, owner_name=actor.name, parameters=given)

    def get(self, actor: Actor, job_id: str) -> Job:
        """A job of the actor's own; administrators see all. Raises JobNotFound."""
        require(actor, Action.READ_JOB)
        with self.database.read() as session:
            return _seen(actor, session.get(Job, job_id), job_id)

    def page(
        self,
        actor: Actor,
        *,
        kind: str = "",
        state: str = "",
        owner: str = "",
        search: str = "",
        number: int = 1,
        size: int = 50,
    ) -> tuple[Sequence[Job], int]:
        """One page of the jobs the actor may see, as `records.jobs.page` looks for them, and how many there are."""
        require(actor, Action.READ_JOB)
        wanted = {"kind": kind, "state": state, "owner": owner, "search": search}
        owner_id = None if actor.role == Role.ADMIN else actor.id
        with self.database.read() as session:
            return jobs.page(session, owner_id=owner_id, number=number, size=size, **wanted)

    def cancel(self, actor: Actor, job_id: str) -> Job:
        """Cancel a job: one that waits at once, one that runs within seconds. Raises JobNotFound, JobEnded.

        One that waits to be tried again and has something finished runs once more, to write that down.
        """
        require(actor, Action.CANCEL_JOB)
        before = self.get(actor, job_id)
        is_bare = before.state == JobState.QUEUED and not self._may_have_finished(before)
        with self.database.write() as session:
            job = _seen(actor, session.get(Job, job_id, with_for_update=True), job_id)
            if jobs.is_final(job.state):
                raise JobEnded(f"the job has ended already: it is {_WORDS[JobState(job.state)]}")
            if job.cancel_requested_at is None:
                job.cancel_requested_at = utc_now()
                trace(session, actor, "job.cancel", f"job:{job.id}", {"kind": job.kind})
            job.not_before = None
            if job.state == JobState.QUEUED and is_bare and job.attempts == before.attempts:
                session.flush()
                jobs.end(session, job.id, job.ticket, JobState.CANCELLED)
                session.refresh(job)
        if job.state == JobState.CANCELLED:  # nobody else tidies
            tidy(JobFiles(self.storage, job.id), job.ticket)
        return job

    def retry(self, actor: Actor, job_id: str) -> Job:
        """Queue a job that failed once more; it goes on from what it had finished.

        Raises JobNotFound, JobNotRetried, Forbidden, TooManyRequests.
        """
        self.get(actor, job_id)
        self.check_room(actor)
        with self.database.write() as session:
            job = _seen(actor, session.get(Job, job_id, with_for_update=True), job_id)
            if job.state != JobState.FAILED:
                raise JobNotRetried(
                    f"only a job that has failed is tried again; this one is {_WORDS[JobState(job.state)]}"
                )
            if not jobs.may_be_retried(job):
                raise JobNotRetried(
                    f"the job failed more than {jobs.RETRIED_WITHIN.days} days ago: what it was given is kept no longer"
                )
            check_dataset_is_there(session, job)
            jobs.put_back_failed(session, job)
            trace(session, actor, "job.retry", f"job:{job.id}", {"kind": job.kind})
        return job

    def _may_have_finished(self, job: Job) -> bool:
        """Whether a run of the job may have stored something that is worth writing down."""
        return bool(job.attempts) and JobFiles(self.storage, job.id).may_hold("parts")

    def runner(self) -> Runner | None:
        """The runner that was heard of last."""
        with self.database.read() as session:
            return jobs.newest_runner(session)

    def to_dict(self, job: Job, runner: Runner | None = None) -> dict[str, Any]:
        """A job as the HTTP contract has it."""
        return job_dict(job, runner or self.runner())

    def open_result(self, actor: Actor, job_id: str, name: str) -> tuple[BinaryIO, int]:
        """One of a job's result files to read from, and its bytes. Raises JobNotFound, ObjectNotFound."""
        files, about = self._result(actor, job_id, name)
        return files.open("results", about["key"]), about["size_bytes"]

    def open_result_in_parts(self, actor: Actor, job_id: str, name: str) -> BinaryIO:
        """One of a job's result files of which only what is read is fetched. Raises JobNotFound, ObjectNotFound."""
        files, about = self._result(actor, job_id, name)
        return files.open_in_parts("results", about["key"])

    def _result(self, actor: Actor, job_id: str, name: str) -> tuple[JobFiles, dict[str, Any]]:
        job = self.get(actor, job_id)
        for each in (job.result or {}).get("files", []):
            if each["name"] == name:
                return JobFiles(self.storage, job.id), each
        raise ObjectNotFound(f"the job has no result {name[:80]!r}")


def _kept(session: Session, actor: Actor, job: Job) -> Job:
    """Store it, or give back the owner's earlier one with the same key."""
    kept = jobs.create(session, job)
    if kept is job:
        trace(session, actor, "job.start", f"job:{job.id}", {"kind": job.kind, **job.parameters})
    return kept


def _seen(actor: Actor, job: Job | None, job_id: str) -> Job:
    if job is None or not visible(actor, Target("job", job.owner_id, "private")):
        raise JobNotFound(f"there is no job {job_id[:32]!r} of yours")
    return job
