"""What counts as a change of a camera."""

from typing import Any

import pytest
from sqlmodel import select

from registry.access import Actor
from registry.cameras.asked import CameraChange, NewCamera
from registry.cameras.cameras import Cameras
from registry.records import AuditEntry, Database

AS_IT_IS: list[tuple[dict[str, Any], str]] = [
    ({}, "nothing"),
    ({"name": None, "analysis": None, "recording": None, "url": None}, "only nulls"),
    ({"name": "Gate", "analysed_fps": 5, "analysis": {"height": 360}, "zones": []}, "what it has"),
    ({"url": "rtsp://10.0.0.7/live", "username": "bob", "password": "hunter2"}, "its address, with its password"),
]


@pytest.mark.parametrize(("given", "why"), AS_IT_IS)
def test_what_changes_nothing_is_no_change(
    cameras: Cameras, database: Database, engineer: Actor, given: dict[str, Any], why: str
) -> None:
    asked = {"name": "Gate", "url": "rtsp://10.0.0.7/live", "username": "bob", "password": "hunter2"}
    made = cameras.create(engineer, NewCamera.model_validate(asked))
    after = cameras.update(engineer, made.id, CameraChange.model_validate(given))
    assert (after.record.revision, after.record.updated_at) == (1, made.record.updated_at), why
    cameras.update(engineer, made.id, CameraChange(name="Gate 2", revision=1))  # nobody is told of a change
    with database.read() as session:
        actions = [entry.action for entry in session.exec(select(AuditEntry)).all()]
    assert sorted(actions) == ["camera.create", "camera.update"]
