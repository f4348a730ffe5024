"""A finished segment of a recording, and the way to its file."""

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

SUFFIX = ".mp4"


@dataclass(frozen=True, slots=True)
class Segment:
    """Some seconds of one camera in a file; `path` is relative to the recordings' folder."""

    segment_id: str
    camera_id: str
    started_at: datetime
    ended_at: datetime
    path: str
    size_bytes: int
    codec: str
    has_motion: bool = False
    has_event: bool = False


def next_id(after: str = "") -> str:
    """An id that sorts behind `after`, whatever the clock was set to: microseconds, then chance."""
    last = int(after[:16], 16) if after else 0
    return f"{max(last + 1, time.time_ns() // 1_000):016x}{secrets.token_hex(8)}"


def path_of(camera_id: str, started_at: datetime, segment_id: str) -> str:
    """camera/day/hour/moment-id.mp4"""
    at = started_at.astimezone(UTC)
    return f"{camera_id}/{at:%Y-%m-%d}/{at:%H}/{at:%Y%m%dT%H%M%S.%f}-{segment_id}{SUFFIX}"


def from_path(relative: str, duration_s: float, size_bytes: int, codec: str) -> Segment | None:
    """What the name of a file says of it; None for a file that is none of ours."""
    path = Path(relative)
    moment, _, segment_id = path.name.removesuffix(SUFFIX).rpartition("-")
    try:
        started_at = datetime.strptime(moment, "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
        int(segment_id, 16)
    except ValueError:
        return None
    ended_at = started_at + timedelta(seconds=duration_s)
    return Segment(segment_id, path.parts[0], started_at, ended_at, relative, size_bytes, codec)
