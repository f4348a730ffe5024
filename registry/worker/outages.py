"""Cameras that went away and came back, as events: told only when they last."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from registry.errors import InvalidInput
from registry.records import CameraEvent, Database, EventKind, utc_now
from registry.worker.leases import Report

AWAY_AFTER_S = 8.0
BACK_AFTER_S = 2.0
_MOST_WAITING = 1_000
LEASES_LOST = "the worker could not renew its leases: the database was away, or the machine too busy"
_BLAMED_S = 300.0  # later it has another reason, which nobody told
_MOST_AT_ONCE = 100  # the next beat must not be late
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Watched:
    since_s: float  # in the state it is in, live or not
    since: datetime
    live: bool = False
    reason: str = ""
    told: CameraEvent | None = None  # the outage that was told and is not over
    told_s: float = 0.0  # when that began


@dataclass(slots=True)
class Outages:
    """`look` is called with each report; `keep` stores what is waiting, and drops what no database takes."""

    clock: Callable[[], float] = time.monotonic
    lost: int = 0
    _stopped_here: dict[str, float] = field(default_factory=dict)  # without leases, when, and not live since
    _watched: dict[str, _Watched] = field(default_factory=dict)
    _waiting: list[CameraEvent] = field(default_factory=list)

    def adopt(self, event: CameraEvent) -> None:
        """An outage that another worker told and that is not over, as far as is known."""
        watched = self._watched.setdefault(event.camera_id, _Watched(self.clock(), utc_now()))
        watched.told = event
        watched.told_s = self.clock() - max(0.0, (utc_now() - event.started_at).total_seconds())

    def leases_lost(self, camera_ids: Iterable[str]) -> None:
        """The worker stops these cameras itself; may be called by any thread."""
        self._stopped_here |= dict.fromkeys(camera_ids, self.clock())

    def look(self, reports: Mapping[str, Report], names: Mapping[str, str]) -> None:
        """See how every camera here is."""
        now = self.clock()
        for camera_id, report in reports.items():
            watched = self._watched.setdefault(camera_id, _Watched(now, utc_now()))
            live = report.state == "live"
            if live != watched.live:
                watched.live, watched.since_s, watched.since = live, now, utc_now()
                if live:
                    self._stopped_here.pop(camera_id, None)
            watched.reason = self._said(camera_id, report) or watched.reason
            lasts_s = now - watched.since_s
            if not live and watched.told is None and lasts_s >= AWAY_AFTER_S:
                watched.told = self._tell(camera_id, names, EventKind.OFFLINE, watched.since, watched.reason)
                watched.told_s = watched.since_s
            elif live and watched.told is not None and lasts_s >= BACK_AFTER_S:
                self._over(camera_id, names, watched)
        for camera_id in [each for each in self._watched if each not in reports]:
            self._stopped(camera_id)

    def waiting(self) -> Sequence[CameraEvent]:
        """Rows to keep, in order; those of outages that ended come once more."""
        return list(self._waiting)

    def keep(self, database: Database) -> None:
        """Store what waits, and enter it for whoever wants to be told. Raises DatabaseUnavailable."""
        for event in self._waiting[:_MOST_AT_ONCE]:
            try:
                _store(database, event)
            except InvalidInput as error:
                self.lost += 1
                _log.error("outage not kept", camera=event.camera_id, reason=error.message)
            self._waiting.pop(0)

    def _said(self, camera_id: str, report: Report) -> str:
        said = ": ".join(part for part in (report.reason, report.detail) if part)
        was_stopped = self.clock() - self._stopped_here.get(camera_id, float("-inf")) < _BLAMED_S
        return LEASES_LOST if was_stopped and not said else said

    def _over(self, camera_id: str, names: Mapping[str, str], watched: _Watched) -> None:
        told, watched.told, watched.reason = watched.told, None, ""
        if told is None:
            return
        away_s = max(0.0, watched.since_s - watched.told_s)
        self._put(_copy(told, away_s))
        self._tell(camera_id, names, EventKind.ONLINE, watched.since, f"after {away_s:.0f} s", ended_at=watched.since)

    def _stopped(self, camera_id: str) -> None:
        """Somebody stopped it, or another worker has it: an outage that was told is over for us."""
        watched = self._watched.pop(camera_id)
        if watched.told is not None:
            self._put(_copy(watched.told, max(0.0, self.clock() - watched.told_s)))

    def _tell(
        self,
        camera_id: str,
        names: Mapping[str, str],
        kind: EventKind,
        at: datetime,
        detail: str,
        ended_at: datetime | None = None,
    ) -> CameraEvent:
        event = CameraEvent(
            camera_id=camera_id,
            camera_name=names.get(camera_id, "")[:80],
            kind=kind,
            started_at=at,
            ended_at=ended_at,
            detail=detail[:300],
        )
        self._put(event)
        return event

    def _put(self, event: CameraEvent) -> None:
        self._waiting.append(event)
        if len(self._waiting) > _MOST_WAITING:
            self._waiting.pop(0)
            self.lost += 1


def _store(database: Database, event: CameraEvent) -> None:
    from registry.notify.outbox import enqueue  # not before there is something to tell: a worker begins small

    with database.write() as session:
        kept = session.merge(event)
        is_over = event.kind == EventKind.OFFLINE and event.ended_at is not None
        enqueue(session, kept, "ended" if is_over else "started")


def _copy(event: CameraEvent, lasted_s: float) -> CameraEvent:
    """Over after so long, however the clock was set meanwhile."""
    ended_at = event.started_at + timedelta(seconds=lasted_s)
    return CameraEvent.model_validate({**event.model_dump(), "ended_at": ended_at})
