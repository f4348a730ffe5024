"""What a clean-up cleans, a function each; a new one goes into CLEANERS. It counts, and removes in no dry run."""

import json
import shutil
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import and_, or_
from sqlmodel import col, delete, select, update

from registry.access.idempotency import KEPT as ANSWERS_KEPT
from registry.errors import Conflict, ObjectNotFound
from registry.jobs.camera_cleaners import event_files, events, recordings
from registry.jobs.cleaning import MOST_AT_ONCE, Cleaner, Cleaning, Tally, are_foreign
from registry.models.quarantine import Quarantine
from registry.models.upload_records import UploadRecords
from registry.records import (
    IdempotentAnswer,
    InferenceResult,
    Job,
    JobState,
    LoginThrottle,
    RefreshToken,
    Runner,
    Schedule,
    SignInCode,
    WebSession,
)
from registry.records.jobs import FINAL, RETRIED_WITHIN
from registry.storage.walk import files_below

_DAY = timedelta(days=1)
_THROTTLES, _RUNNERS = timedelta(days=30), timedelta(days=7)
SEEN_KEY = "care/orphans.json"


def _jobs(cleaning: Cleaning) -> Tally:
    """Files first: a job whose row is gone would leave them without an owner."""
    tally, storage = Tally(), cleaning.rooms.storage
    old = (col(Job.state).in_(FINAL), col(Job.finished_at) < cleaning.now - timedelta(days=cleaning.wanted.job_days))
    with cleaning.rooms.database.read() as session:
        ids = session.exec(select(Job.id).where(*old, Job.id != cleaning.run.job_id)).all()
    for job_id in ids:
        cleaning.run.check()
        cleaning.objects(storage.keys(f"jobs/{job_id}/"), tally, counted=False)
        tally.count += 1
        if not cleaning.dry:
            with cleaning.rooms.database.write() as session:
                session.exec(update(Schedule).where(col(Schedule.last_job_id) == job_id).values(last_job_id=""))
                session.exec(delete(Job).where(col(Job.id) == job_id, *old))
    return tally


def _left_overs(cleaning: Cleaning) -> Tally:
    """What jobs were given and had half done, where it could not be removed when they ended, or none retried them."""
    tally = Tally()
    over = or_(
        and_(col(Job.state) != JobState.FAILED, col(Job.finished_at) < cleaning.now - _DAY),
        col(Job.finished_at) < cleaning.now - RETRIED_WITHIN - _DAY,
    )
    with cleaning.rooms.database.read() as session:
        ids = set(session.exec(select(Job.id).where(col(Job.state).in_(FINAL), over)).all())
    keys = (key for key in list(cleaning.rooms.storage.keys("jobs/")) if _part(key, 1) in ids)
    cleaning.objects((key for key in keys if _part(key, 2) in ("input", "parts")), tally)
    return tally


def _orphans(cleaning: Cleaning) -> Tally:
    """Files of jobs that no row names, nor did a day before: a batch sends its images before its row is there.

    Raises Conflict where most jobs have no row.
    """
    tally, storage = Tally(), cleaning.rooms.storage
    by_id: dict[str, list[str]] = {}
    for key in storage.keys("jobs/"):
        by_id.setdefault(_part(key, 1), []).append(key)
    with cleaning.rooms.database.read() as session:
        known = {job_id for some in _some(list(by_id)) for job_id in session.exec(_named(some))}
    unknown = by_id.keys() - known
    if are_foreign(len(unknown), len(by_id)):
        raise Conflict(
            f"{len(unknown):,} of {len(by_id):,} jobs with stored files are in no record, so none of them was removed",
            hint="Look whether these are the right records. After a restore, delete by hand what is needed no more.",
        )
    before, seen = _seen(cleaning), dict[str, str]()
    for job_id in sorted(unknown):
        since = before.get(job_id, cleaning.now.isoformat())
        if cleaning.now - datetime.fromisoformat(since) >= _DAY:
            cleaning.objects(by_id[job_id], tally)
        else:
            seen[job_id] = since
    if not cleaning.dry:
        storage.put(SEEN_KEY, json.dumps(seen).encode())
    return tally


def _drafts(cleaning: Cleaning) -> Tally:
    """What was being stored when its process was killed."""
    tally, storage = Tally(), cleaning.rooms.storage
    for draft in list(storage.drafts(cleaning.now - _DAY)):
        cleaning.run.check()
        tally.add(draft.size)
        if not cleaning.dry:
            storage.discard(draft)
    return tally


def _uploads(cleaning: Cleaning) -> Tally:
    tally = Tally()
    root = Quarantine(cleaning.rooms.settings, cleaning.rooms.live).root
    records = UploadRecords(root)
    for folder in records.stale():
        cleaning.run.check()
        if not records.in_use(folder.name):
            tally.add(_size_of(folder))
            if not cleaning.dry:
                shutil.rmtree(folder, ignore_errors=True)
    return tally


def _scratch(cleaning: Cleaning) -> Tally:
    """Folders that trainings on this machine worked in (`JOB-TICKET`), where their process was killed."""
    tally, root = Tally(), cleaning.rooms.settings.home / "cache" / "training"
    folders = {folder: folder.name.rpartition("-")[0] for folder in root.glob("*-*")}
    with cleaning.rooms.database.read() as session:
        going = _named(list(folders.values())).where(col(Job.state).not_in(FINAL))
        at_work = set(session.exec(going).all())
    for folder in (folder for folder, job_id in folders.items() if job_id not in at_work):
        cleaning.run.check()
        tally.add(_size_of(folder))
        if not cleaning.dry:
            shutil.rmtree(folder, ignore_errors=True)
    return tally


def _sessions(cleaning: Cleaning) -> Tally:
    idle = timedelta(minutes=cleaning.rooms.live.current().session_idle_minutes)
    over = or_(col(WebSession.expires_at) < cleaning.now, col(WebSession.last_seen_at) < cleaning.now - idle)
    return cleaning.rows(WebSession, over)


def _history(cleaning: Cleaning) -> Tally:
    old = cleaning.now - timedelta(days=cleaning.wanted.history_days)
    return cleaning.rows(InferenceResult, col(InferenceResult.created_at) < old)


CLEANERS: Sequence[Cleaner] = (
    Cleaner("jobs", "Old jobs with their results", _jobs),
    Cleaner("left_overs", "What ended jobs need no more", _left_overs),
    Cleaner("drafts", "Files that were never stored to their end", _drafts),
    Cleaner("uploads", "Uploads that were never finished or ended long ago", _uploads),
    Cleaner("scratch", "Folders of trainings that were killed", _scratch),
    Cleaner("sessions", "Sessions that are over", _sessions),
    Cleaner("codes", "Sign-in codes", lambda c: c.rows(SignInCode, col(SignInCode.expires_at) < c.now)),
    Cleaner("tokens", "Refresh tokens", lambda c: c.rows(RefreshToken, col(RefreshToken.expires_at) < c.now)),
    Cleaner(
        "throttles",
        "Forgotten failures to sign in",
        lambda c: c.rows(LoginThrottle, col(LoginThrottle.last_failure_at) < c.now - _THROTTLES),
    ),
    Cleaner(
        "answers",
        "Answers kept for repeated requests",
        lambda c: c.rows(IdempotentAnswer, col(IdempotentAnswer.created_at) < c.now - ANSWERS_KEPT),
    ),
    Cleaner("history", "Old answers of the Inference page", _history),
    Cleaner("recordings", "Recordings of this host and of the storage whose time is over", recordings),
    Cleaner("events", "Old events of cameras with their pictures and clips", events),
    Cleaner("runners", "Runners that are gone", lambda c: c.rows(Runner, col(Runner.beat_at) < c.now - _RUNNERS)),
    Cleaner("event_files", "Pictures and clips of events that are gone", event_files),  # last: these two may refuse
    Cleaner("orphans", "Stored files that belong to no job", _orphans),
)


def _seen(cleaning: Cleaning) -> dict[str, str]:
    try:
        found = json.loads(cleaning.rooms.storage.get(SEEN_KEY))
    except (ObjectNotFound, ValueError):
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _named(ids: Sequence[str]) -> Any:
    return select(Job.id).where(col(Job.id).in_(ids))


def _some(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[at : at + MOST_AT_ONCE] for at in range(0, len(ids), MOST_AT_ONCE))


def _part(key: str, index: int) -> str:
    parts = key.split("/")
    return parts[index] if len(parts) > index else ""


def _size_of(folder: Path) -> int:
    return sum(about.st_size for _, about in files_below(folder))
