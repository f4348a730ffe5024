"""Of what a receiver is told, and when not."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlmodel import Session, col, select

from registry.cameras.configuration import HoursSettings, parsed
from registry.errors import CameraGroupNotFound, CameraNotFound
from registry.records import CameraEvent, CameraGroup, CameraRecord
from registry.records.time_zones import checked_zone, zone_named
from registry.streams import Hours

Phase = Literal["started", "ended"]
_USUAL = ("object", "offline", "online", "disk")
Names = Annotated[list[Annotated[str, Field(max_length=120)]], Field(max_length=200)]


class Wanted(BaseModel):
    """Which events; an empty list asks for nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cameras: Names = Field(default_factory=list, description="ids of cameras")
    groups: Names = Field(default_factory=list, description="ids of groups of cameras")
    kinds: list[Literal["object", "offline", "online", "disk", "disagreement"]] = Field(
        default_factory=list, max_length=5, description="nothing named: all but disagreements of models"
    )
    labels: Names = Field(default_factory=list)
    rules: Names = Field(default_factory=list)
    phases: list[Phase] = Field(["started"], min_length=1, max_length=2)
    quiet: list[HoursSettings] = Field(default_factory=list, max_length=32, description="hours without notifications")
    time_zone: Annotated[str, AfterValidator(checked_zone)] = Field("UTC", description="of the quiet hours")

    def matches(self, event: CameraEvent, group_id: str | None, phase: str, now: datetime | None = None) -> bool:
        """Whether the receiver is told of an event now."""
        asked = (
            (self.cameras, event.camera_id),
            (self.groups, group_id or ""),
            (self.kinds or _USUAL, str(event.kind)),
            (self.rules, event.rule),
            (self.labels, event.label),
        )
        fits = phase in self.phases and all(not names or name in names for names, name in asked)
        is_answer = phase == "ended" and "started" in self.phases  # of whose start was told, the end is told too
        return fits and not self.is_quiet(event.started_at if is_answer else now or datetime.now(UTC))

    def is_quiet(self, now: datetime) -> bool:
        """Whether it is one of the quiet hours."""
        local = now.astimezone(zone_named(self.time_zone))
        return any(Hours(frozenset(each.days), each.begin, each.end).covers(local) for each in self.quiet)


def wanted_of(stored: Mapping[str, Any]) -> Wanted:
    """From what is stored or sent. Raises InvalidInput."""
    return parsed(Wanted, stored, "wanted")


def check_there(session: Session, wanted: Wanted, before: Wanted) -> None:
    """Raises CameraNotFound, CameraGroupNotFound for what is named anew and is not there."""
    for camera_id in _gone(session, CameraRecord, set(wanted.cameras) - set(before.cameras)):
        raise CameraNotFound(f"there is no camera {camera_id[:40]!r}", details={"field": "wanted.cameras"})
    for group_id in _gone(session, CameraGroup, set(wanted.groups) - set(before.groups)):
        raise CameraGroupNotFound(f"there is no group {group_id[:40]!r}", details={"field": "wanted.groups"})


def _gone(session: Session, kind: type[CameraRecord] | type[CameraGroup], named: set[str]) -> list[str]:
    there = session.exec(select(kind.id).where(col(kind.id).in_(named))).all()
    return sorted(named.difference(there))
