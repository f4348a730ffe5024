"""Queries on jobs. What changes a running job names its ticket: an older run than the newest changes nothing."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_
from sqlmodel import Session, col, select, update

from registry.records.database import one_at_a_time
from registry.records.folding import has_text
from registry.records.tables import Job, JobState, Runner, utc_now

_NAMES = ("model", "name", "dataset", "source", "file")  # the parameters that say what a job works with
FINAL = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
RETRIED_WITHIN = timedelta(days=7)  # so long what a job that failed was given, and what it had finished, is kept


def create(session: Session, job: Job) -> Job:
    """Store a job, or give back the owner's earlier one with the same idempotency key, unless that is cancelled."""
    if job.idempotency_key is not None:
        one_at_a_time(session.connection(), f"job {job.owner_id} {job.idempotency_key}")
        same = select(Job).where(Job.owner_id == job.owner_id, Job.idempotency_key == job.idempotency_key)
        earlier = session.exec(same).first()
        if earlier is not None and earlier.cancel_requested_at is None:
            return earlier
        if earlier is not None:
            earlier.idempotency_key = None
            session.flush()
    session.add(job)
    session.flush()
    return job


def page(  # noqa: PLR0913 - what may be asked
    session: Session,
    *,
    owner_id: str | None,
    number: int,
    size: int,
    kind: str = "",
    state: str = "",
    owner: str = "",
    search: str = "",
) -> tuple[Sequence[Job], int]:
    """One page of jobs, newest first, with the total; `owner_id` None means everybody's.

    `owner` is a part of the owner's name; `search` the beginning of an id, or a part of what the job works with: the
    names of its model, dataset, video, folder and archive.
    """
    wanted: list[ColumnElement[bool]] = []
    if owner_id is not None:
        wanted.append(col(Job.owner_id) == owner_id)
    if kind:
        wanted.append(col(Job.kind) == kind)
    if state:
        wanted.append(col(Job.state) == state)
    if owner:
        wanted.append(has_text(col(Job.owner_name), owner))
    if search:
        named = [has_text(col(Job.parameters)[name].as_string(), search) for name in _NAMES]
        wanted.append(or_(col(Job.id).startswith(search.lower(), autoescape=True), *named))
    query = select(Job).where(*wanted).order_by(col(Job.created_at).desc(), col(Job.id))
    total = select(func.count()).select_from(Job).where(*wanted)
    return session.exec(query.offset((number - 1) * size).limit(size)).all(), session.exec(total).one()


def is_final(state: JobState | str) -> bool:
    """Whether a job in that state changes no more by itself."""
    return state in FINAL


def may_be_retried(job: Job) -> bool:
    """Whether a job has failed, and what it needs to run again is still there."""
    return job.state == JobState.FAILED and (job.finished_at or job.created_at) > utc_now() - RETRIED_WITHIN


def count_unfinished(session: Session, owner_id: str) -> int:
    """How many jobs of an owner are queued or running."""
    query = select(func.count()).select_from(Job).where(Job.owner_id == owner_id, col(Job.state).not_in(FINAL))
    return session.exec(query).one()


def unfinished(session: Session, kind: str = "") -> Sequence[Job]:
    """Every job that has not ended, or every one of a kind, the oldest first."""
    query = select(Job).where(col(Job.state).not_in(FINAL), *([Job.kind == kind] if kind else []))
    return session.exec(query.order_by(col(Job.created_at))).all()


def unfinished_with_model(session: Session, name: str) -> Sequence[Job]:
    """Every job that has not ended and whose parameters name a model, or a version of it as parent, oldest first."""
    named = col(Job.parameters)["model"].as_string() == name
    parent = col(Job.parameters)["parent"].as_string().startswith(f"{name}/", autoescape=True)
    query = select(Job).where(col(Job.state).not_in(FINAL), or_(named, parent))
    return session.exec(query.order_by(col(Job.created_at))).all()


def running(session: Session) -> Sequence[Job]:
    """Every job whose run has begun."""
    return session.exec(select(Job).where(Job.state == JobState.RUNNING)).all()


def handed_over(session: Session) -> Sequence[Job]:
    """Every job that was handed over and whose run has not begun."""
    query = select(Job).where(Job.state == JobState.QUEUED, col(Job.handed_over_at).is_not(None))
    return session.exec(query.order_by(col(Job.handed_over_at))).all()


def waiting(session: Session, kind: str, now: datetime, most: int = 500) -> Sequence[Job]:
    """The oldest jobs of a kind that nobody was handed yet and that may start now."""
    may_start = or_(col(Job.not_before).is_(None), col(Job.not_before) <= now)
    queued = (Job.kind == kind, Job.state == JobState.QUEUED, col(Job.handed_over_at).is_(None))
    query = select(Job).where(*queued, may_start)
    return session.exec(query.order_by(col(Job.created_at), col(Job.id)).limit(most)).all()


def unsettled(session: Session, most: int = 50) -> Sequence[Job]:
    """Jobs that have ended, and whose flow run may not know it yet."""
    query = select(Job).where(col(Job.state).in_(FINAL), col(Job.settled).is_(False), Job.flow_run_id != "")
    return session.exec(query.order_by(col(Job.finished_at)).limit(most)).all()


def hand_over(session: Session, job: Job) -> int:
    """Give a waiting job a new ticket; returns it."""
    ticket = job.ticket + 1
    job.ticket, job.handed_over_at, job.flow_run_id, job.stage = ticket, utc_now(), "", ""
    session.add(job)
    return ticket


def note_flow_run(session: Session, job_id: str, ticket: int, flow_run_id: str) -> None:
    """Write down which flow run holds a ticket."""
    _change(session, job_id, ticket, flow_run_id=flow_run_id)


def take(session: Session, job_id: str, ticket: int) -> Job | None:
    """Begin a run; None where the job has ended, runs already, or the ticket is not the newest."""
    now = utc_now()
    job = session.get(Job, job_id, with_for_update=True)
    if job is None or job.state != JobState.QUEUED or job.ticket != ticket:
        return None
    job.state, job.taken_at, job.heartbeat_at = JobState.RUNNING, now, now
    job.started_at = job.started_at or now
    job.attempts, job.done_when_taken = job.attempts + 1, job.done
    session.add(job)
    return job


def beat(
    session: Session, job_id: str, ticket: int, *, done: int, total: int, stage: str, mlflow_run_id: str = ""
) -> Job | None:
    """A sign of life with the progress so far; None where the run has lost its job.

    Who comes further than every run before makes the losses forgotten: what begins anew only catches up at first.
    """
    before = session.get(Job, job_id, with_for_update=True)
    if before is None or before.ticket != ticket or before.state != JobState.RUNNING:
        return None
    if done > before.most_done:
        before.most_done, before.losses = done, 0
    before.done, before.total, before.stage, before.heartbeat_at = done, total, stage[:120], utc_now()
    before.mlflow_run_id = mlflow_run_id or before.mlflow_run_id
    session.add(before)
    return before


def put_back(
    session: Session,
    job_id: str,
    ticket: int,
    *,
    not_before: datetime | None = None,
    losses: int | None = None,
    why: str = "",
) -> bool:
    """Let a handed-over or running job wait again; whether it was still that ticket's."""
    lost = {} if losses is None else {"losses": losses}
    values = {"state": JobState.QUEUED, "handed_over_at": None, "not_before": not_before, "stage": why[:120], **lost}
    return _change(session, job_id, ticket, **values)


def put_back_failed(session: Session, job: Job) -> None:
    """Let a job that has failed wait once more; its next run goes on where things were stored."""
    job.state, job.error, job.finished_at, job.stage = JobState.QUEUED, None, None, ""
    job.handed_over_at, job.not_before, job.cancel_requested_at, job.losses, job.settled = None, None, None, 0, False
    session.add(job)


def put_back_cancelled(session: Session, job: Job) -> bool:
    """Let a handed-over or running job wait for its last run, which writes down what is finished; as `put_back`."""
    asked = job.cancel_requested_at or utc_now()
    values = {"state": JobState.QUEUED, "handed_over_at": None, "not_before": None, "stage": ""}
    return _change(session, job.id, job.ticket, cancel_requested_at=asked, **values)


def end(
    session: Session,
    job_id: str,
    ticket: int,
    state: JobState,
    *,
    result: dict[str, Any] | None = None,
    error: dict[str, Any] | None = None,
    mlflow_run_id: str = "",
) -> bool:
    """End a job, once; whether it was still that ticket's. One that came to nothing gives its key back."""
    values: dict[str, Any] = {"state": state, "result": result, "error": error, "finished_at": utc_now(), "stage": ""}
    if mlflow_run_id:
        values["mlflow_run_id"] = mlflow_run_id
    if state != JobState.SUCCEEDED:
        values["idempotency_key"] = None
    return _change(session, job_id, ticket, **values)


def is_still_silent(session: Session, job: Job) -> bool:
    """Whether a job's run has not beaten since the row was read; it cannot until this transaction ends."""
    now = session.get(Job, job.id, with_for_update=True)
    return now is not None and (now.ticket, now.heartbeat_at) == (job.ticket, job.heartbeat_at)


def take_back(session: Session, job: Job) -> None:
    """Let a handed-over job wait again, unless its run has begun meanwhile."""
    values = {"handed_over_at": None, "flow_run_id": ""}
    session.exec(update(Job).where(*_unbegun(job)).values(**values))


def end_unbegun(session: Session, job: Job, state: JobState, *, error: dict[str, Any] | None = None) -> None:
    """End a handed-over job, unless its run has begun meanwhile."""
    values = {"state": state, "error": error, "finished_at": utc_now(), "idempotency_key": None}
    session.exec(update(Job).where(*_unbegun(job)).values(**values))


def note_settled(session: Session, job_id: str) -> None:
    """Write down that the flow engine knows how a job ended."""
    session.exec(update(Job).where(col(Job.id) == job_id).values(settled=True))


def note_runner(session: Session, runner_id: str, problem: str) -> None:
    """A runner's sign of life, and what keeps it from starting jobs."""
    session.merge(Runner(id=runner_id, beat_at=utc_now(), problem=problem[:300]))


def newest_runner(session: Session) -> Runner | None:
    """The runner that was heard of last."""
    return session.exec(select(Runner).order_by(col(Runner.beat_at).desc()).limit(1)).first()


def _unbegun(job: Job) -> tuple[ColumnElement[bool], ...]:
    return (col(Job.id) == job.id, col(Job.ticket) == job.ticket, col(Job.state) == JobState.QUEUED)


def _change(session: Session, job_id: str, ticket: int, **values: Any) -> bool:
    """Change a job that has not ended and whose newest ticket this is."""
    mine = (col(Job.id) == job_id, col(Job.ticket) == ticket, col(Job.state).not_in(FINAL))
    done = session.exec(update(Job).where(*mine).values(**values))
    return bool(done.rowcount)
