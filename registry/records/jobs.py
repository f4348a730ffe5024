"""Queries on jobs."""

from collections.abc import Sequence

from sqlalchemy import func
from sqlmodel import Session, col, select

from registry.records.tables import Job, JobState


def create(session: Session, job: Job) -> Job:
    """Store a job, or give back the owner's earlier one with the same idempotency key."""
    if job.idempotency_key is not None:
        same = select(Job).where(Job.owner_id == job.owner_id, Job.idempotency_key == job.idempotency_key)
        earlier = session.exec(same).first()
        if earlier is not None:
            return earlier
    session.add(job)
    session.flush()
    return job


def page(session: Session, *, owner_id: str | None, number: int, size: int) -> tuple[Sequence[Job], int]:
    """One page of jobs, newest first, with the total; `owner_id` None means everybody's."""
    query, total = select(Job), select(func.count()).select_from(Job)
    if owner_id is not None:
        query, total = query.where(Job.owner_id == owner_id), total.where(Job.owner_id == owner_id)
    query = query.order_by(col(Job.created_at).desc(), Job.id).offset((number - 1) * size).limit(size)
    return session.exec(query).all(), session.exec(total).one()


def is_final(state: JobState | str) -> bool:
    """Whether a job in that state will never change again."""
    return state in {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED}
