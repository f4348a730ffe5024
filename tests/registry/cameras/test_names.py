"""Names of cameras and groups that read alike."""

import pytest

from registry.access import Actor
from registry.cameras.asked import CameraChange, GroupAsked, GroupChange, NewCamera
from registry.cameras.cameras import Cameras
from registry.cameras.groups import CameraGroups
from registry.errors import NameTaken
from registry.records import Database

ALIKE = [
    ("Gate", "gate", "another case"),
    ("Straße", "STRASSE", "case folding, not lower case"),
    ("Caf\u00e9", "Cafe\u0301", "the same letter, put together"),
    ("Hall 2", "\uff28\uff41\uff4c\uff4c \uff12", "wide letters"),
]


def asked(name: str) -> NewCamera:
    return NewCamera(name=name, url="rtsp://10.0.0.7/live")


@pytest.mark.parametrize(("first", "second", "why"), ALIKE)
def test_two_cameras_have_no_names_that_read_alike(
    cameras: Cameras, engineer: Actor, first: str, second: str, why: str
) -> None:
    made = cameras.create(engineer, asked(first))
    other = cameras.create(engineer, asked("another"))
    with pytest.raises(NameTaken, match=f"camera '{first}' already, which reads alike"):
        cameras.create(engineer, asked(second))
    with pytest.raises(NameTaken, match=f"camera '{first}' already$"):
        cameras.create(engineer, asked(first))
    with pytest.raises(NameTaken):
        cameras.update(engineer, other.id, CameraChange(name=second))
    assert cameras.update(engineer, made.id, CameraChange(name=second)).record.name == second, why  # its own name


@pytest.mark.parametrize(("first", "second", "why"), ALIKE)
def test_two_groups_have_no_names_that_read_alike(
    database: Database, engineer: Actor, first: str, second: str, why: str
) -> None:
    groups = CameraGroups(database)
    made, other = (groups.create(engineer, GroupAsked(name=name)) for name in (first, "another"))
    with pytest.raises(NameTaken, match=f"group '{first}' already, which reads alike"):
        groups.create(engineer, GroupAsked(name=second))
    with pytest.raises(NameTaken):
        groups.update(engineer, other["id"], GroupChange(name=second))
    assert groups.update(engineer, made["id"], GroupChange(name=second))["name"] == second, why
