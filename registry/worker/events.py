"""Events with their pictures, kept in records and storage however long those are away."""

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime

import structlog
from sqlmodel import col, select

from registry.errors import Unavailable
from registry.notify.outbox import enqueue
from registry.records import CameraEvent, Database, EventKind
from registry.storage import Storage
from registry.streams import Event, EventPhase, Notice, Snapshot

_BACK_OFF_S, _BACK_OFF_MOST_S = 0.5, 10.0
_MOST_OPEN = 10_000  # events that began here and whose end is awaited
_log = structlog.get_logger(__name__)


class EventKeeper:
    """A sink for events. While the database or the storage is away it waits with the event it holds; the line behind
    it is bounded, and what falls out of that is counted there.

    `name_of` and `model_of` tell a camera's name and model by its id. Whoever wants to be told of an event enters
    its line in the same transaction.
    """

    def __init__(
        self,
        database: Database,
        storage: Storage,
        name_of: Callable[[str], str],
        model_of: Callable[[str], str],
    ) -> None:
        self._database, self._storage = database, storage
        self._name_of, self._model_of = name_of, model_of
        self._ending = threading.Event()
        self._begun: deque[str] = deque(maxlen=_MOST_OPEN)
        self.kept = 0

    def __call__(self, notice: Notice) -> None:
        """Keep an event. Raises Unavailable only when told to end meanwhile."""
        if not isinstance(notice, Event):
            return
        event, model = self._row(notice), self._model_of(notice.camera_id)
        event.model = model
        pause_s = _BACK_OFF_S
        while True:
            try:
                self._keep(notice, event)
                break
            except Unavailable as error:
                _log.warning("event waits", camera=notice.camera_id, code=error.code, reason=error.message)
                if self._ending.wait(pause_s):
                    raise
                pause_s = min(2 * pause_s, _BACK_OFF_MOST_S)
        self.kept += 1

    def keep_once(self, row: CameraEvent, shown: Snapshot) -> None:
        """Keep something that is told once, with its picture. Raises DatabaseUnavailable, StorageUnavailable."""
        self._put(row, shown)
        with self._database.write() as session:
            session.add(row)
            session.flush()
            enqueue(session, row, "started")

    def end(self) -> None:
        """Try everything that still waits once, and no longer."""
        self._ending.set()

    def _row(self, event: Event) -> CameraEvent:
        shown = event.snapshot
        return CameraEvent(
            id=event.event_id,
            camera_id=event.camera_id,
            camera_name=self._name_of(event.camera_id),
            kind=EventKind.OBJECT,
            rule=event.rule,
            label=event.label.replace("\0", "")[:120],
            track_id=event.track_id,
            started_at=event.started_at,
            ended_at=event.ended_at,
            zones=list(event.zones),
            line=event.line,
            direction=event.direction,
            score=event.best_score,
            box=list(shown.box) if shown else None,
            track={"scores": [list(each) for each in event.scores], "path": [list(each) for each in event.path]},
        )

    def _keep(self, event: Event, row: CameraEvent) -> None:
        """Pictures first, so that no row names one that is not there; the same event twice is one.

        An end counts also where another worker, that took the camera for left alone, has set one.
        """
        is_over = event.phase is EventPhase.ENDED
        if is_over and self._is_deleted(event.event_id):
            return
        if event.snapshot is not None:
            self._put(row, event.snapshot)
        with self._database.write() as session:
            known = session.get(CameraEvent, event.event_id)
            if known is not None and (not is_over or known.ended_at == row.ended_at):
                return  # told before
            was_over = known is not None and known.ended_at is not None
            for name in _CHANGING if known is not None else ():
                setattr(known, name, getattr(row, name))
            session.add(known or row)
            session.flush()
            if not was_over:
                enqueue(session, known or row, "ended" if is_over else "started")
        if not is_over:
            self._begun.append(event.event_id)

    def _is_deleted(self, event_id: str) -> bool:
        """Whether somebody removed an event that was kept here and is over only now."""
        if event_id not in self._begun:  # its begin was lost, perhaps: the end tells all of it
            return False
        with self._database.read() as session:
            return session.get(CameraEvent, event_id) is None

    def _put(self, row: CameraEvent, shown: Snapshot) -> None:
        key = f"cameras/{row.camera_id}/events/{row.started_at:%Y-%m-%d}/{row.id}"
        row.snapshot, row.thumbnail = f"{key}.jpg", f"{key}-thumbnail.jpg"
        self._storage.put(row.snapshot, shown.jpeg)
        self._storage.put(row.thumbnail, shown.thumbnail)


_CHANGING = ("ended_at", "label", "zones", "score", "box", "track", "snapshot", "thumbnail")


def end_left_open(database: Database, camera_id: str, at: datetime) -> None:
    """End the events that a worker which is gone left open, and tell it. Raises DatabaseUnavailable."""
    with database.write() as session:
        left = select(CameraEvent).where(
            CameraEvent.camera_id == camera_id,
            CameraEvent.kind == EventKind.OBJECT,
            col(CameraEvent.ended_at).is_(None),
        )
        for event in session.exec(left).all():
            event.ended_at = max(at, event.started_at)  # the clock may have been set back
            session.add(event)
            session.flush()
            enqueue(session, event, "ended")
