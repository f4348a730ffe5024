"""Cameras, what they saw, and their pages, as the tests of pages set them up."""

from datetime import timedelta
from typing import Any

import numpy as np
from streamlit.testing.v1 import AppTest

from registry.access.actor import local_actor
from registry.cameras.asked import NewCamera
from registry.cameras.view import CameraView
from registry.records import (
    CameraEvent,
    CameraLease,
    WorkerRecord,
    utc_now,
)
from registry.vision.encoding import encode_jpeg
from tests.app.conftest import Pages

PICTURE = encode_jpeg(np.full((90, 160, 3), 70, np.uint8))
REPORT = {
    "fps": 5.0,
    "size": [640, 360],
    "source_size": [1280, 720],
    "connections": 1,
    "account": {"captured": 90, "inferred": {"people/1": 20}, "gated": 66, "dropped": {"overrun": 3}, "failed": 1},
    "model": {"name": "people", "version": 1, "problem": ""},
    "counts": {"gate": {"in": 4, "out": 2}},
    "tracks": 3,
    "objects": {"person": 2, "dog": 1},
    "age_ms": {"median": 41.0, "p95": 88.0},
}


def cameras() -> None:  # a script of its own: what it uses it imports
    from app.pages import cameras
    from app.ui.states import error_box
    from registry.errors import RegistryError

    try:
        cameras.draw()
    except RegistryError as error:
        error_box(error)


def events() -> None:
    from app.pages import events
    from app.ui.states import error_box
    from registry.errors import RegistryError

    try:
        events.draw()
    except RegistryError as error:
        error_box(error)


def recordings() -> None:
    from app.pages import recordings
    from app.ui.states import error_box
    from registry.errors import RegistryError

    try:
        recordings.draw()
    except RegistryError as error:
        error_box(error)


def add(pages: Pages, name: str = "Yard", *, state: str = "", reason: str = "", **more: Any) -> CameraView:
    """A camera, in a state as its worker would have reported it."""
    asked = {"name": name, "url": "rtsp://10.20.0.7/yard", "username": "viewer", "password": "hunter-22"} | more
    camera = pages.platform.cameras.create(local_actor(), NewCamera.model_validate(asked))
    if state:
        now = utc_now()
        with pages.platform.database.write() as session:
            session.merge(WorkerRecord(id="w", beat_at=now))
            session.add(
                CameraLease(
                    camera_id=camera.id,
                    worker_id="w",
                    leased_until=now + timedelta(minutes=5),
                    state=state,
                    reason=reason,
                    report=REPORT if state == "live" else {},
                    reported_at=now,
                    since=now,
                )
            )
    return camera


def happened(pages: Pages, camera: CameraView, **more: Any) -> CameraEvent:
    """An event with its picture."""
    event = CameraEvent(
        camera_id=camera.id,
        camera_name=camera.record.name,
        label="person",
        rule="entry",
        zones=["door"],
        score=0.9,
        box=[0.2, 0.2, 0.6, 0.8],
        track={"scores": [[0.0, 0.7], [0.5, 0.9]], "path": [[0.0, 0.3, 0.8], [0.5, 0.4, 0.8]]},
        **more,
    )
    event.snapshot = event.thumbnail = f"events/{event.id}.jpg"
    pages.platform.storage.put(event.snapshot, PICTURE)
    with pages.platform.database.write() as session:
        session.add(event)
    return event


def said(drawn: AppTest) -> str:
    assert not drawn.exception
    texts = [*drawn.markdown, *drawn.error, *drawn.caption, *drawn.warning, *drawn.title, *drawn.subheader]
    return " ".join(each.value for each in texts).replace("\\", "").replace("\u2060", "")


def buttons(drawn: AppTest) -> set[str]:
    return {each.label for each in drawn.button}
