"""A camera as people and programs see it; no secret is in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from registry.cameras.reasons import NO_WORKER, in_words
from registry.cameras.sealing import shown_url
from registry.records import CameraGroup, CameraLease, CameraRecord, WorkerRecord
from registry.records.camera_list import Moment, is_held, state_of

AWAY_AFTER = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class CameraView:
    """A camera with what is known of it at one moment. `state` is one of `camera_list.STATES`."""

    record: CameraRecord
    lease: CameraLease | None
    group: str
    state: str
    reason: str
    detail: str
    since: datetime | None

    @property
    def id(self) -> str:
        """The camera's id."""
        return self.record.id

    @property
    def url(self) -> str:
        """Its URL, fit to be shown."""
        return shown_url(self.record.url)

    @property
    def report(self) -> Mapping[str, Any]:
        """What the worker that runs it told last; empty where none does."""
        runs = self.lease is not None and self.state not in {"stopped", "waiting"}
        return self.lease.report if runs and self.lease is not None else {}

    @property
    def words(self) -> str:
        """Why it is not live, and what to do."""
        return in_words(self.reason)

    def to_dict(self) -> dict[str, Any]:
        """As the HTTP contract has it."""
        record = self.record
        return {
            "id": record.id,
            "name": record.name,
            "url": self.url,
            "has_credentials": bool(record.sealed),
            "verify_tls": record.verify_tls,
            "group_id": record.group_id,
            "group": self.group,
            "model": record.model,
            "alias": record.alias or None,
            "version": int(record.version) if record.version else None,
            "analysed_fps": record.analysed_fps,
            "wanted": record.is_wanted,
            "state": self.state,
            "reason": self.reason,
            "detail": self.detail or self.words,
            "since": self.since,
            "model_problem": str((self.report.get("model") or {}).get("problem", "")),
            "unknown_labels": list(self.report.get("unknown_labels") or []),
            "fps": float(self.report.get("fps") or 0.0),
            "zones": record.analysis.get("zones", []),
            "analysis": record.analysis,
            "recording": record.recording,
            "revision": record.revision,
            "owner": record.owner_name,
            "created_at": record.created_at,
            "updated_at": record.updated_at,
        }


def view_of(
    record: CameraRecord,
    lease: CameraLease | None,
    group: str,
    worker: WorkerRecord | None,
    at: Moment,
) -> CameraView:
    """A camera as its lease lets it look; `worker` is the one that was heard of last."""
    state = state_of(record, lease, at)
    if state == "stopped" or lease is None:
        reason = "" if state == "stopped" or _is_here(worker, at) else NO_WORKER
        return CameraView(record, lease, group, state, reason, "", None)
    if not is_held(lease, at):
        return CameraView(record, lease, group, state, "" if _is_here(worker, at) else NO_WORKER, "", None)
    return CameraView(record, lease, group, state, lease.reason, lease.detail, lease.since)


def group_dict(group: CameraGroup, cameras: int) -> dict[str, Any]:
    """A group as the HTTP contract has it."""
    return {
        "id": group.id,
        "name": group.name,
        "description": group.description,
        "cameras": cameras,
        "created_at": group.created_at,
        "updated_at": group.updated_at,
    }


def _is_here(worker: WorkerRecord | None, at: Moment) -> bool:
    return worker is not None and at.now - worker.beat_at <= AWAY_AFTER
