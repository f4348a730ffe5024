"""Groups of cameras: with permission, into the audit trail."""

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session

from registry.access import Action, Actor, require
from registry.access.trail import trace
from registry.cameras.asked import GroupAsked, GroupChange
from registry.cameras.distinct import check_name
from registry.cameras.view import group_dict
from registry.errors import CameraGroupNotFound, Conflict
from registry.records import CameraGroup, Database, camera_list, one_at_a_time, utc_now

MOST_GROUPS = 500


class CameraGroups:
    """The groups of one platform."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, actor: Actor) -> Sequence[dict[str, Any]]:
        """All groups by name, each with the number of its cameras. Raises Forbidden."""
        require(actor, Action.READ_CAMERA)
        with self._database.read() as session:
            return [group_dict(group, cameras) for group, cameras in camera_list.groups(session)]

    def get(self, actor: Actor, group_id: str) -> dict[str, Any]:
        """One group. Raises Forbidden, CameraGroupNotFound."""
        require(actor, Action.READ_CAMERA)
        with self._database.read() as session:
            return _told(session, _found(session, group_id))

    def create(self, actor: Actor, asked: GroupAsked) -> dict[str, Any]:
        """Make a group. Raises Forbidden, NameTaken."""
        require(actor, Action.CHANGE_CAMERA)
        group = CameraGroup(name=asked.name, description=asked.description)
        with self._database.write() as session:
            one_at_a_time(session.connection(), "camera_groups")
            if len(camera_list.groups(session)) >= MOST_GROUPS:
                raise Conflict(f"there are {MOST_GROUPS} groups, which is the most", hint="Delete some first.")
            check_name(session, group)
            session.add(group)
            session.flush()
            trace(session, actor, "camera_group.create", f"camera_group:{group.id}", {"name": group.name})
            return _told(session, group)

    def update(self, actor: Actor, group_id: str, change: GroupChange) -> dict[str, Any]:
        """Change a group. Raises Forbidden, CameraGroupNotFound, NameTaken."""
        require(actor, Action.CHANGE_CAMERA)
        after = change.model_dump(exclude_none=True)
        with self._database.write() as session:
            if change.name is not None:
                one_at_a_time(session.connection(), "camera_groups")
            group = _found(session, group_id)
            before = {name: getattr(group, name) for name in after}
            for name, value in after.items():
                setattr(group, name, value)
            if group.name != before.get("name", group.name):
                check_name(session, group)
            group.updated_at = utc_now()
            session.add(group)
            details = {"name": group.name, "before": before, "after": after}
            trace(session, actor, "camera_group.update", f"camera_group:{group.id}", details)
            return _told(session, group)

    def delete(self, actor: Actor, group_id: str) -> None:
        """Remove a group; its cameras are in none then. Raises Forbidden, CameraGroupNotFound."""
        require(actor, Action.CHANGE_CAMERA)
        with self._database.write() as session:
            group = _found(session, group_id)
            details = {"name": group.name, "cameras": camera_list.group_size(session, group.id)}
            camera_list.remove_group(session, group)
            trace(session, actor, "camera_group.delete", f"camera_group:{group.id}", details)


def _found(session: Session, group_id: str) -> CameraGroup:
    group = session.get(CameraGroup, group_id) if len(group_id) <= 32 else None
    if group is None:
        raise CameraGroupNotFound(f"there is no group {group_id[:32]!r}")
    return group


def _told(session: Session, group: CameraGroup) -> dict[str, Any]:
    return group_dict(group, camera_list.group_size(session, group.id))
