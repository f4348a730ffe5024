"""Requests about cameras, events, recordings and notifications."""

from datetime import UTC, datetime, timedelta
from typing import Any

from registry.cameras.asked import GroupAsked, NewCamera
from registry.notify.asked import ReceiverAsked
from registry.records import CameraEvent, RecordingSegment, Role
from registry.testing.films import recorded_film
from tests.contract.asking import Ask, Prepare, unique
from tests.contract.conftest import House


def new_camera(house: House, role: Role = Role.ENGINEER) -> str:
    asked = NewCamera(name=unique("cam"), url="rtsp://10.99.0.7/live", start=False)
    return house.platform.cameras.create(house.actor(role), asked).id


def on_camera(body: Any = None) -> Prepare:
    return lambda house, _role: Ask({"camera_id": new_camera(house)}, body=body)


def asked_camera(_house: House, _role: Role) -> Ask:
    return Ask(body={"name": unique("cam"), "url": "rtsp://10.99.0.7/live", "username": "u", "password": "p"})


def film_camera(house: House, _role: Role) -> Ask:
    """A film that is none: what tries it knows at once."""
    folder = house.platform.settings.films_dir
    folder.mkdir(exist_ok=True)
    (folder / "noise.mp4").write_bytes(b"noise")
    return Ask(body={"url": f"file://{folder}/noise.mp4"})


def on_group(body: Any = None) -> Prepare:
    def prepare(house: House, _role: Role) -> Ask:
        made = house.platform.camera_groups.create(house.actor(Role.ADMIN), GroupAsked(name=unique("group")))
        return Ask({"group_id": made["id"]}, body=body)

    return prepare


def camera_event(house: House, **fields: Any) -> str:
    """An event with pictures and a clip of twelve bytes; its id."""
    event = CameraEvent(**({"camera_id": "0" * 32, "camera_name": "gate", "label": "person"} | fields))
    for name, content in (("snapshot", b"\xff\xd8snap"), ("thumbnail", b"\xff\xd8thumb"), ("clip", b"0123456789ab")):
        key = f"events/{event.id}/{name}"
        house.platform.storage.put(key, content)
        setattr(event, name, key)
    with house.platform.database.write() as session:
        session.add(event)
        session.flush()
    return event.id


def on_event(house: House, _role: Role) -> Ask:
    return Ask({"event_id": camera_event(house)})


def doomed_events(house: House, _role: Role) -> Ask:
    return Ask(body={"ids": [camera_event(house)]})


RECORDED_AT = datetime(2026, 5, 4, 8, tzinfo=UTC)


def recorded(house: House, role: Role) -> Ask:
    """Two seconds of a camera that is gone, with their file."""
    number = house.count()
    at, path = RECORDED_AT + timedelta(minutes=number), f"gone/{number}.mp4"
    times = {"started_at": at, "ended_at": at + timedelta(seconds=2)}
    file = house.platform.settings.recordings / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(recorded_film())
    row = RecordingSegment(camera_id="gone", camera_name="gone", path=path, size_bytes=1, codec="h264", **times)
    with house.platform.database.write() as session:
        session.add(row)
    return Ask({"recording_id": row.id})


def recorded_time(house: House, role: Role) -> Ask:
    recorded(house, role)
    at = RECORDED_AT + timedelta(minutes=house.made)
    return Ask({"camera_id": "gone"}, {"from": at.isoformat(), "to": (at + timedelta(seconds=1)).isoformat()})


def asked_receiver(_house: House, _role: Role) -> Ask:
    return Ask(body={"name": unique("hook"), "kind": "webhook", "address": "https://hooks.example.com/x"})


def on_receiver(house: House, role: Role) -> Ask:
    """On a webhook that leads to a name that nobody has (RFC 6761)."""
    asked = {**asked_receiver(house, role).body, "address": "http://nobody.invalid/latest"}
    made = house.platform.receivers.create(house.actor(Role.ADMIN), ReceiverAsked.model_validate(asked))
    changed = {**asked, "address": made.address, "name": unique("hook"), "is_on": False}
    return Ask({"receiver_id": made.id}, body=changed)
