"""Cameras, their groups, the workers that lease them, and what they saw: the tables."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, String, Text
from sqlmodel import Field, SQLModel

from registry.records.tables import UtcDateTime, new_id, utc_now


def _time(*, nullable: bool = False) -> Any:
    column: Column[datetime] = Column(UtcDateTime(), nullable=nullable)
    return Field(default=None, sa_column=column) if nullable else Field(default_factory=utc_now, sa_column=column)


def _json(default: type[dict[str, Any]] | type[list[Any]]) -> Any:
    return Field(default_factory=default, sa_column=Column(JSON, nullable=False))


class CameraGroup(SQLModel, table=True):
    """Cameras that belong together, such as those of one hall."""

    __tablename__ = "camera_groups"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    name: str = Field(max_length=80, unique=True)
    description: str = Field(default="", max_length=400)
    created_at: datetime = _time()
    updated_at: datetime = _time()


class CameraRecord(SQLModel, table=True):
    """A camera as people configured it. `url` is fit to be shown: name, password and what looks like one in the path
    are in `sealed`, encrypted (`registry.cameras.sealing`).

    `revision` counts the changes; a worker that runs an older one takes the newer up. `analysis` holds motion, masks,
    zones, lines and rules; `recording` the mode with its times.
    """

    __tablename__ = "cameras"

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    name: str = Field(max_length=80, unique=True)
    url: str = Field(sa_column=Column(Text(), nullable=False))
    sealed: str = Field(default="", sa_column=Column(Text(), nullable=False))
    verify_tls: bool = True
    group_id: str | None = Field(default=None, max_length=32, index=True)
    model: str = Field(default="", max_length=64)  # empty: looks at nothing
    alias: str = Field(default="", max_length=64)
    version: str = Field(default="", max_length=16)
    analysed_fps: float = 5.0
    is_wanted: bool = True  # somebody started it and nobody stopped it
    analysis: dict[str, Any] = _json(dict)
    recording: dict[str, Any] = _json(dict)
    revision: int = 1
    owner_id: str = Field(max_length=64, index=True)
    owner_name: str = Field(max_length=80)
    created_at: datetime = _time()
    updated_at: datetime = _time()


class WorkerRecord(SQLModel, table=True):
    """A camera process. `url` is where the app fetches its pictures."""

    __tablename__ = "workers"

    id: str = Field(primary_key=True, max_length=120)
    host: str = Field(default="", max_length=255)
    url: str = Field(default="", max_length=255)
    started_at: datetime = _time()
    beat_at: datetime = _time()


class CameraLease(SQLModel, table=True):
    """Which worker runs a camera until when, and what it reported last; one row a camera.

    Apart from the camera's own row: a worker's reports never meet a person's changes.
    """

    __tablename__ = "camera_leases"

    camera_id: str = Field(primary_key=True, max_length=32)
    worker_id: str = Field(default="", max_length=120, index=True)
    leased_until: datetime | None = _time(nullable=True)
    revision: int = 0  # of the camera that runs
    restarts: int = 0  # asked for by people; a worker that has seen fewer connects anew
    state: str = Field(default="stopped", max_length=16)
    reason: str = Field(default="", max_length=32)
    detail: str = Field(default="", max_length=300)
    report: dict[str, Any] = _json(dict)  # frame rate, sizes, account, model, counts
    reported_at: datetime | None = _time(nullable=True)
    since: datetime | None = _time(nullable=True)  # in this state


class CameraHistory(SQLModel, table=True):
    """What became of a camera's frames over the last hour (`camera_history.Step`). Apart from the lease, which is
    written with every beat.
    """

    __tablename__ = "camera_histories"

    camera_id: str = Field(primary_key=True, max_length=32)
    steps: list[list[float]] = _json(list)


class EventKind(StrEnum):
    """What an event tells."""

    OBJECT = "object"  # a rule held
    OFFLINE = "offline"
    ONLINE = "online"
    DISAGREEMENT = "disagreement"  # a challenger saw it differently: worth a label
    DISK = "disk"  # recordings were deleted before their time, for room


class CameraEvent(SQLModel, table=True):
    """Something that happened at a camera. Pictures and clip lie in the storage under their keys."""

    __tablename__ = "camera_events"
    __table_args__ = (
        Index("ix_camera_events_started", "started_at", "id"),
        Index("ix_camera_events_camera", "camera_id", "started_at"),
        Index("ix_camera_events_label", "label", "started_at"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    camera_id: str = Field(max_length=32)
    camera_name: str = Field(max_length=80)
    kind: EventKind = Field(default=EventKind.OBJECT, sa_column=Column(String(16), nullable=False))
    rule: str = Field(default="", max_length=64)
    label: str = Field(default="", max_length=120)
    track_id: int = 0
    model: str = Field(default="", max_length=96)  # name/version that saw it
    started_at: datetime = _time()
    ended_at: datetime | None = _time(nullable=True)
    zones: list[str] = _json(list)
    line: str = Field(default="", max_length=64)
    direction: str = Field(default="", max_length=8)
    score: float = 0.0
    box: list[float] | None = Field(default=None, sa_column=Column(JSON, nullable=True))  # xyxy, normalised
    snapshot: str = Field(default="", max_length=300)
    thumbnail: str = Field(default="", max_length=300)
    clip: str = Field(default="", max_length=300)
    track: dict[str, Any] = _json(dict)  # scores and path
    detail: str = Field(default="", max_length=300)
    sent_to: str = Field(default="", max_length=96)  # the dataset version it was sent to


class RecordingSegment(SQLModel, table=True):
    """Some seconds of a camera's stream as it came, in one file."""

    __tablename__ = "recording_segments"
    __table_args__ = (
        Index("ix_recording_segments_camera", "camera_id", "started_at"),
        Index("ix_recording_segments_expires", "expires_at"),
        Index("ix_recording_segments_least_wanted", "host", "has_event", "has_motion", "id"),
    )

    id: str = Field(default_factory=new_id, primary_key=True, max_length=32)
    camera_id: str = Field(max_length=32)
    camera_name: str = Field(max_length=80)
    started_at: datetime = _time()
    ended_at: datetime = _time()
    path: str = Field(max_length=300)  # below the recordings of the home, or a storage key
    host: str = Field(default="", max_length=255)  # whose disk it was written to; empty: not known yet
    size_bytes: int = Field(default=0, sa_column=Column(BigInteger(), nullable=False))
    codec: str = Field(default="", max_length=16)
    has_motion: bool = False
    has_event: bool = False
    expires_at: datetime | None = _time(nullable=True)
