"""Where the picture of a camera is to be had, for those who may see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from registry.access import Action, Actor, require
from registry.cameras.view import view_of
from registry.errors import CameraNotFound, CameraNotRunning, WorkerUnavailable
from registry.records import (
    CameraLease,
    CameraRecord,
    Database,
    WorkerRecord,
    camera_history,
    camera_list,
)
from registry.records.camera_history import Step
from registry.records.camera_list import Moment
from registry.worker.exposition import CameraLine, exposition
from registry.worker.leases import workers_alive


@dataclass(frozen=True, slots=True)
class LiveAddress:
    """A camera at the worker that runs it; `url` is for the platform alone."""

    camera_id: str
    url: str

    @property
    def snapshot(self) -> str:
        """The newest picture."""
        return f"{self.url}/cameras/{self.camera_id}/snapshot.jpg"

    @property
    def stream(self) -> str:
        """The pictures as they come."""
        return f"{self.url}/cameras/{self.camera_id}/live.mjpg"


class Viewing:
    """Finds live pictures through the leases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def address(self, actor: Actor, camera_id: str) -> LiveAddress:
        """Where a camera's pictures are.

        Raises Forbidden, CameraNotFound, CameraNotRunning (it is stopped), WorkerUnavailable (nobody runs it).
        """
        require(actor, Action.READ_CAMERA)
        with self._database.read() as session:
            record, lease = _found(session, camera_id)
            if not record.is_wanted:
                raise CameraNotRunning(
                    f"camera {record.name!r} is stopped",
                    hint=f"Start it, on its page or with POST /api/v1/cameras/{record.id}/start.",
                    details={"state": "stopped"},
                )
            if lease is None or not camera_list.is_held(lease, camera_list.moment(session)):
                raise _away(f"no worker runs camera {record.name!r} yet")
            worker = session.get(WorkerRecord, lease.worker_id)
        if worker is None or not worker.url:
            raise _away(f"the worker of camera {record.name!r} is gone")
        return LiveAddress(record.id, worker.url)

    def info(self, actor: Actor, camera_id: str) -> dict[str, Any]:
        """How a camera's stream is, as its worker reported last. Raises Forbidden, CameraNotFound."""
        require(actor, Action.READ_CAMERA)
        with self._database.read() as session:
            record, lease = _found(session, camera_id)
            now = camera_list.moment(session)
            worker = camera_list.newest_worker(session, now)
            steps = camera_history.steps(session, record.id)
        view = view_of(record, lease, "", worker, now)
        known = lease if lease is not None and view.state != "stopped" else None
        return {
            "camera_id": record.id,
            "name": record.name,
            "state": view.state,
            "reason": view.reason,
            "detail": view.detail,
            "since": view.since,
            "reported_at": known.reported_at if known else None,
            "worker": known.worker_id.partition("/")[0] if known and camera_list.is_held(known, now) else "",
            "live_url": f"/live/{record.id}.mjpg",
            **_figures(_told(known, now)),
            "history": [step.to_dict() for step in steps],
        }

    def history(self, actor: Actor, camera_id: str) -> list[Step]:
        """What became of a camera's frames over the last hour, as its workers kept it, oldest first.

        Raises Forbidden, CameraNotFound.
        """
        require(actor, Action.READ_CAMERA)
        with self._database.read() as session:
            record, _ = _found(session, camera_id)
            return camera_history.steps(session, record.id)

    def check(self) -> None:
        """Raise WorkerUnavailable unless a worker was heard of lately."""
        with self._database.read() as session:
            if workers_alive(session):
                return
        raise WorkerUnavailable("no camera worker was heard of lately")

    def exposition(self) -> bytes:
        """The figures of every camera that runs, in Prometheus' text format."""
        query = select(CameraRecord, CameraLease).join(
            CameraLease, col(CameraLease.camera_id) == col(CameraRecord.id), isouter=True
        )
        with self._database.read() as session:
            now = camera_list.moment(session)
            rows = session.exec(query.order_by(col(CameraRecord.id))).all()
        lines = {}
        for record, lease in rows:
            state = camera_list.state_of(record, lease, now)
            lines[record.id] = CameraLine(record.name, state, _told(lease, now))
        return exposition(lines)


def _found(session: Session, camera_id: str) -> tuple[CameraRecord, CameraLease | None]:
    found = camera_list.with_lease(session, camera_id) if len(camera_id) <= 32 else None
    if found is None:
        raise CameraNotFound(f"there is no camera {camera_id[:80]!r}")
    return found


def _away(what: str) -> WorkerUnavailable:
    hint = "Try again in some seconds: a worker takes it up by itself. None runs? `nexusai up` or `nexusai worker`."
    return WorkerUnavailable(what, hint=hint, details={"state": "waiting"})


def _told(lease: CameraLease | None, now: Moment) -> dict[str, Any]:
    """What a worker reported; of a camera that none runs now the counts alone, what was under way among the dropped."""
    if lease is None or not lease.report or camera_list.is_held(lease, now):
        return lease.report if lease else {}
    account = {**lease.report.get("account", {})}
    dropped = dict(account.get("dropped", {}))
    dropped["stopped"] = dropped.get("stopped", 0) + account.get("pending", 0)
    nothing = {"fps": 0.0, "age_ms": {}, "tracks": 0, "retry_in_s": 0.0}
    return {**lease.report, **nothing, "account": {**account, "dropped": dropped, "pending": 0}}


def _figures(facts: Mapping[str, Any]) -> dict[str, Any]:
    nothing: dict[str, Any] = {"captured": 0, "inferred": {}, "gated": 0, "dropped": {}, "failed": 0, "pending": 0}
    return {
        "fps": facts.get("fps", 0.0),
        "size": facts.get("size", [0, 0]),
        "source_size": facts.get("source_size", [0, 0]),
        "age_ms": facts.get("age_ms") or {"median": 0.0, "p95": 0.0},
        "account": facts.get("account") or nothing,
        "model": facts.get("model", {"name": "", "version": None, "problem": ""}),
        "counts": facts.get("counts", {}),
        "tracks": facts.get("tracks", 0),
        "retry_in_s": facts.get("retry_in_s", 0.0),
        "connections": facts.get("connections", 0),
        "recording": facts.get("recording", {}),
        "recording_problem": facts.get("recording_problem", ""),
        "shadow": facts.get("shadow", {"model": "", "looked": 0, "disagreed": 0, "kept": 0}),
    }
