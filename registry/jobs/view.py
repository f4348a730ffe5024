"""A job as people and programs see it."""

from datetime import datetime, timedelta
from typing import Any

from registry.records import Job, JobState, Runner, utc_now
from registry.records.jobs import is_final, may_be_retried

AWAY_AFTER = timedelta(seconds=15)


def progress(job: Job) -> float:
    """How far a job is, 0..1."""
    if job.state == JobState.SUCCEEDED:
        return 1.0
    return min(job.done / job.total, 1.0) if job.total else 0.0


def seconds_left(job: Job) -> float | None:
    """What the pace of the present run lets expect; None as long as it tells nothing."""
    if job.state != JobState.RUNNING or job.taken_at is None or job.heartbeat_at is None:
        return None
    done, took_s = job.done - job.done_when_taken, (job.heartbeat_at - job.taken_at).total_seconds()
    if done <= 0 or took_s <= 0 or not job.total:
        return None
    return max(job.total - job.done, 0) * took_s / done


def waiting_for(job: Job, runner: Runner | None, now: datetime | None = None) -> str:
    """Why a queued job does not run yet; empty for every other."""
    now = now or utc_now()
    if job.state != JobState.QUEUED:
        return ""
    if runner is None or now - runner.beat_at > AWAY_AFTER:
        return "No runner is there to start it; it starts when one is back."
    if runner.problem:
        return runner.problem
    if job.cancel_requested_at is not None:
        return "It is cancelled; what is finished is written down first."
    if job.handed_over_at is not None:
        return "It is being started: its process takes a few seconds."
    if job.not_before is not None and job.not_before > now:
        again = f"It is tried again in {(job.not_before - now).total_seconds():.0f} s"
        return f"{again}: {job.stage}." if job.stage else f"{again}."
    return job.stage or "It waits for its turn with the runner, who looks every few seconds."


def job_dict(job: Job, runner: Runner | None) -> dict[str, Any]:
    """A job as the HTTP contract has it; storage keys stay here."""
    left = seconds_left(job)
    return {
        "id": job.id,
        "kind": job.kind,
        "state": str(job.state),
        "progress": round(progress(job), 4),
        "done": job.done,
        "total": job.total,
        "stage": job.stage if job.state != JobState.QUEUED else "",
        "seconds_left": None if left is None else round(left, 1),
        "waiting_for": waiting_for(job, runner),
        "cancelling": job.cancel_requested_at is not None and not is_final(job.state),
        "may_be_retried": may_be_retried(job),
        "owner": job.owner_name,
        "parameters": job.parameters,
        "attempts": job.attempts,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "result": _result(job),
        "error": job.error,
        "links": {
            "prefect": f"/prefect/v2/runs/flow-run/{job.flow_run_id}" if job.flow_run_id else None,
            "mlflow": f"/mlflow/#/runs/{job.mlflow_run_id}" if job.mlflow_run_id else None,
        },
    }


def _result(job: Job) -> dict[str, Any] | None:
    if job.result is None:
        return None
    base = f"/api/v1/inference/jobs/{job.id}/results"
    files = [
        {"name": each["name"], "size_bytes": each["size_bytes"], "href": f"{base}/{each['name']}"}
        for each in job.result.get("files", [])
    ]
    return {**job.result, "files": files}
