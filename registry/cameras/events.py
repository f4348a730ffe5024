"""What cameras saw: lists, details, pictures, clips, their end."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, Literal

from registry.access import Action, Actor, require
from registry.access.live import Live
from registry.access.trail import trace
from registry.errors import EventNotFound, InvalidInput, ObjectNotFound
from registry.records import CameraEvent, Database, camera_events, utc_now
from registry.records.camera_events import EventFilter
from registry.records.csv_lines import csv_lines
from registry.records.stretches import check_stretch
from registry.storage import Storage

MOST_DELETED = 500  # at once
MOST_EXPORTED = 100_000
MOST_SPANS = 2_000
EVERYTHING = EventFilter()
COLUMNS = (
    "id", "camera_id", "camera", "kind", "label", "rule", "zones", "line", "direction", "score", "track_id", "model",
    "started_at", "ended_at", "detail", "sent_to",
)  # fmt: skip
_LINES = 500

Picture = Literal["snapshot", "thumbnail"]


class Events:
    """The events of one platform's cameras."""

    def __init__(self, database: Database, storage: Storage, live: Live) -> None:
        self._database, self._storage, self._live = database, storage, live

    def page(
        self, actor: Actor, wanted: EventFilter = EVERYTHING, *, number: int = 1, size: int = 50
    ) -> tuple[Sequence[CameraEvent], int]:
        """One page of events without their tracks, newest first, and how many match. Raises Forbidden, InvalidInput."""
        require(actor, Action.READ_EVENT)
        check_stretch(wanted.since, wanted.until)
        with self._database.read() as session:
            return camera_events.page(session, wanted, number=number, size=size)

    def get(self, actor: Actor, event_id: str) -> CameraEvent:
        """One event with its track. Raises Forbidden, EventNotFound."""
        require(actor, Action.READ_EVENT)
        with self._database.read() as session:
            event = session.get(CameraEvent, event_id) if len(event_id) <= 32 else None
        if event is None:
            raise EventNotFound(f"there is no event {event_id[:32]!r}")
        return event

    def spans(self, actor: Actor, wanted: EventFilter, width: timedelta) -> list[dict[str, Any]]:
        """How many events began in each span of time, by kind and label; those of the last day without `since`.

        Spans without events are left out. Raises Forbidden, InvalidInput, also for more than 2,000 spans.
        """
        require(actor, Action.READ_EVENT)
        check_stretch(wanted.since, wanted.until)
        until = wanted.until or utc_now()
        since = wanted.since or until - timedelta(days=1)
        if (until - since) / width > MOST_SPANS:
            raise InvalidInput(f"at most {MOST_SPANS:,} spans are counted at once", hint="Make them wider.")
        asked = replace(wanted, since=since, until=wanted.until)
        with self._database.read() as session:
            found = camera_events.counts(session, asked, int(width.total_seconds()))
        return [
            {"start": datetime.fromtimestamp(start, UTC), "kind": kind, "label": label, "events": events}
            for start, kind, label, events in found
        ]

    def labels(self, actor: Actor) -> Sequence[str]:
        """Every label that there is an event of. Raises Forbidden."""
        require(actor, Action.READ_EVENT)
        with self._database.read() as session:
            return camera_events.labels(session)

    def picture(self, actor: Actor, event_id: str, which: Picture) -> bytes:
        """A JPEG of an event: the whole picture, or the square around the object. Raises Forbidden, EventNotFound."""
        event = self.get(actor, event_id)
        key = event.snapshot if which == "snapshot" else event.thumbnail
        if not key:
            raise EventNotFound(f"there is no {which} of this event")
        try:
            return self._storage.get(key)
        except ObjectNotFound as error:
            raise EventNotFound(f"the {which} of this event is gone") from error

    def open_clip(self, actor: Actor, event_id: str) -> BinaryIO:
        """The film of an event, to read from. Raises Forbidden, EventNotFound while there is none."""
        key = self.get(actor, event_id).clip
        if not key:
            raise EventNotFound("there is no clip of this event, or not yet")
        try:
            return self._storage.open(key)
        except ObjectNotFound as error:
            raise EventNotFound("the clip of this event is gone") from error

    def export(self, actor: Actor, wanted: EventFilter = EVERYTHING) -> Iterator[str]:
        """The newest matching events as CSV, at most 100,000, some lines at a time. Raises Forbidden, InvalidInput."""
        require(actor, Action.READ_EVENT)
        check_stretch(wanted.since, wanted.until)
        return self._lines(wanted)

    def delete(self, actor: Actor, ids: Sequence[str]) -> int:
        """Remove events with their pictures and clips; returns how many there were. Raises Forbidden, InvalidInput."""
        require(actor, Action.DELETE_EVENT)
        if len(ids) > MOST_DELETED:
            raise InvalidInput(f"at most {MOST_DELETED} events are deleted at once")
        with self._database.read() as session:
            found = camera_events.chosen(session, [each for each in ids if len(each) <= 32])
        self._remove_files(found)
        with self._database.write() as session:
            camera_events.remove(session, [event.id for event in found])
            if found:
                cameras = sorted({event.camera_name for event in found})
                target = f"camera_event:{found[0].id}" if len(found) == 1 else "camera_event:many"
                trace(
                    session,
                    actor,
                    "camera_event.delete",
                    target,
                    {"name": ", ".join(cameras[:20]), "events": len(found)},
                )
        return len(found)

    def delete_one(self, actor: Actor, event_id: str) -> None:
        """Remove one event. Raises Forbidden, EventNotFound."""
        require(actor, Action.DELETE_EVENT)
        if not self.delete(actor, [event_id]):
            raise EventNotFound(f"there is no event {event_id[:32]!r}")

    def expire(self, most: int = 5_000) -> int:
        """Remove what is older than the settings keep events for, the oldest first; returns how many went."""
        days, removed = self._live.current().camera_event_days, 0
        while days and removed < most:
            with self._database.read() as session:
                found = camera_events.older_than(session, utc_now() - timedelta(days=days))
            self._remove_files(found)
            with self._database.write() as session:
                camera_events.remove(session, [event.id for event in found])
            removed += len(found)
            if not found:
                break
        return removed

    def _lines(self, wanted: EventFilter) -> Iterator[str]:
        """Each part is a read of its own: a slow reader keeps no transaction open."""
        yield csv_lines([COLUMNS])
        last: CameraEvent | None = None
        for _ in range(MOST_EXPORTED // _LINES):
            with self._database.read() as session:
                found = camera_events.after(session, wanted, last, _LINES)
            if not found:
                return
            yield csv_lines([_cells(event) for event in found])
            last = found[-1]

    def _remove_files(self, events: Sequence[CameraEvent]) -> None:
        """Before the rows: what is left half-done is found again by its row."""
        for event in events:
            for key in (event.snapshot, event.thumbnail, event.clip):
                if key:
                    self._storage.delete(key)


def event_dict(event: CameraEvent, *, with_track: bool = False) -> dict[str, Any]:
    """An event as the HTTP contract has it; storage keys stay here."""
    base = f"/api/v1/camera-events/{event.id}"
    told: dict[str, Any] = {
        "id": event.id,
        "camera_id": event.camera_id,
        "camera": event.camera_name,
        "kind": str(event.kind),
        "label": event.label,
        "rule": event.rule,
        "zones": event.zones,
        "line": event.line,
        "direction": event.direction,
        "score": event.score,
        "box": event.box,
        "track_id": event.track_id,
        "model": event.model,
        "started_at": event.started_at,
        "ended_at": event.ended_at,
        "detail": event.detail,
        "sent_to": event.sent_to,
        "links": {
            "snapshot": f"{base}/snapshot" if event.snapshot else None,
            "thumbnail": f"{base}/thumbnail" if event.thumbnail else None,
            "clip": f"{base}/clip" if event.clip else None,
        },
    }
    return told | {"track": event.track} if with_track else told


def _cells(event: CameraEvent) -> list[object]:
    told = event_dict(event)
    told["zones"] = ", ".join(event.zones)
    return [told[name].isoformat() if name.endswith("_at") and told[name] else told[name] or "" for name in COLUMNS]
