"""Events of cameras as samples of datasets: the snapshot, with the event's box as a label to begin with."""

import re
from datetime import UTC

from registry.access import Action, Actor, require
from registry.access.trail import trace
from registry.cameras.events import Events
from registry.errors import Conflict, EventNotFound, InvalidInput
from registry.records import CameraEvent, Database, DatasetVersion
from registry.training.datasets.changes import DatasetChanges
from registry.training.datasets.growing import LabelledPicture

_UNUSABLE = re.compile(r"[^a-z0-9]+")


class EventSamples:
    """Sends events of one platform to its datasets."""

    def __init__(self, database: Database, events: Events, changes: DatasetChanges) -> None:
        self._database, self._events, self._changes = database, events, changes

    def send(self, actor: Actor, event_id: str, dataset: str) -> DatasetVersion:
        """Make an event's snapshot a sample of a new version of a dataset, which is made where there is none.

        The event remembers the version. Raises Forbidden, EventNotFound, Conflict for one that was sent before, and
        as `DatasetChanges.extend` does.
        """
        require(actor, Action.ADD_DATASET)
        event = self._events.get(actor, event_id)
        if event.sent_to:
            raise Conflict(f"this event was sent to {event.sent_to} already", details={"sent_to": event.sent_to})
        if not event.snapshot:
            raise InvalidInput("this event has no picture that a dataset could take")
        picture = _picture(event, self._events.picture(actor, event_id, "snapshot"))
        note = f"an event of camera {event.camera_name}"
        version = self._changes.extend(actor, dataset, picture, note)
        self._remember(actor, event_id, f"{dataset}/{version.number}")
        return version

    def _remember(self, actor: Actor, event_id: str, sent_to: str) -> None:
        with self._database.write() as session:
            event = session.get(CameraEvent, event_id)
            if event is None:
                raise EventNotFound("the event was deleted meanwhile; the dataset has its picture")
            event.sent_to = sent_to
            session.add(event)
            details = {"name": f"{event.label} at {event.camera_name}", "to": sent_to}
            trace(session, actor, "camera_event.send", f"camera_event:{event.id}", details)


def _picture(event: CameraEvent, jpeg: bytes) -> LabelledPicture:
    name = _UNUSABLE.sub("-", event.camera_name.lower()).strip("-")[:60] or "camera"
    at = event.started_at.astimezone(UTC)
    objects = []
    if event.box is not None and event.label:
        x1, y1, x2, y2 = (min(max(float(value), 0.0), 1.0) for value in event.box)
        objects = [(event.label, (x1, y1, x2, y2))] if x1 < x2 and y1 < y2 else []
    return LabelledPicture(
        f"{name}-{at:%Y%m%d-%H%M%S}-{event.id[:8]}.jpg", jpeg, objects, f"camera-{name}-{at:%Y%m%d}", at
    )
