"""A platform's receivers, allowed to be on this machine, with a postman that delivers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from registry.access import Actor
from registry.access.actor import local_actor
from registry.access.live import Live, SettingsEditor
from registry.notify.asked import ReceiverAsked
from registry.notify.outbox import enqueue
from registry.notify.postman import Postman
from registry.notify.receivers import Receivers, ReceiverView
from registry.notify.senders import Senders
from registry.records import CameraEvent, CameraRecord, Database, EventKind, utc_now
from registry.settings import Settings
from registry.storage import LocalStorage
from registry.testing.watched import wait_until

ADMIN = local_actor()


@dataclass
class Office:
    """Receivers, a storage, and the way an event is told."""

    database: Database
    live: Live
    receivers: Receivers
    senders: Senders
    storage: LocalStorage
    settings: Settings

    def add(self, kind: str, address: str, by: Actor = ADMIN, **given: Any) -> ReceiverView:
        return self.receivers.create(by, ReceiverAsked(name=f"{kind} one", kind=kind, address=address, **given))  # type: ignore[arg-type]

    def tell(self, phase: str = "started", most: int = 1_000, **given: Any) -> CameraEvent:
        event = CameraEvent(**{"camera_id": "cam", "camera_name": "Front door", "label": "person", **given})
        with self.database.write() as session:
            session.add(event)
            session.flush()
            enqueue(session, event, phase, most)  # type: ignore[arg-type]
        return event

    def end(self, event: CameraEvent) -> None:
        """An event is over, and its end is told."""
        with self.database.write() as session:
            ended = session.get_one(CameraEvent, event.id)
            ended.ended_at = utc_now()
            session.add(ended)
            enqueue(session, ended, "ended")

    def wait(
        self, receiver: ReceiverView, holds: Callable[[ReceiverView], bool], seconds: float = 30.0
    ) -> ReceiverView:
        found: list[ReceiverView] = []

        def look() -> bool:
            found[:] = [self.receivers.get(ADMIN, receiver.id)]
            return holds(found[0])

        wait_until(look, seconds)
        return found[0]


@pytest.fixture
def office(sqlite: Database, settings: Settings) -> Office:
    live = Live(sqlite, settings)
    SettingsEditor(sqlite, live).set(ADMIN, "notification_networks", ["127.0.0.0/8"])
    storage = LocalStorage(settings.home / "storage")
    with sqlite.write() as session:
        session.add(CameraRecord(id="cam", name="Front door", url="rtsp://10.0.0.7/", owner_id="ada", owner_name="ada"))
    rooms = (settings, live, sqlite, storage)
    return Office(sqlite, live, Receivers(*rooms), Senders(*rooms), storage, settings)


@pytest.fixture
def postman(office: Office) -> Iterator[Callable[[], Postman]]:
    """Start one; each ends with the test."""
    begun: list[Postman] = []

    def start() -> Postman:
        made = Postman(office.database, office.live, office.senders.make, look_s=0.05)
        begun.append(made)
        made.start()
        return made

    yield start
    for each in begun:
        each.close()


__all__ = ["ADMIN", "EventKind", "Office"]
