"""What happened: an event with its picture, track and scores."""

import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import cast

import cv2

from registry.streams.frames import Frame, UInt8

_THUMBNAIL_SIDE = 176
_QUALITY = 88


Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What shows an object best: the whole picture, and a square around it 176 pixels wide, as JPEG; box normalised.

    Encoded when the event is told: one that waits for a slow sink does not keep a frame of a third of a megabyte.
    """

    jpeg: bytes = field(repr=False)
    thumbnail: bytes = field(repr=False)
    box: Box
    score: float


def take_snapshot(frame: Frame, box: Box, score: float) -> Snapshot:
    """Encode a frame, and the part of it around a box (xyxy, normalised)."""
    return Snapshot(_encode(frame.to_bgr()), _encode(_around(frame, box)), box, score)


def _around(frame: Frame, box: Box) -> UInt8:
    width, height = frame.size_wh
    x1, y1, x2, y2 = box
    side = min(max((x2 - x1) * width, (y2 - y1) * height, 32) * 1.3, width, height)
    left = int(min(max(0.0, (x1 + x2) / 2 * width - side / 2), width - side)) // 2 * 2
    top = int(min(max(0.0, (y1 + y2) / 2 * height - side / 2), height - side)) // 2 * 2
    even = max(2, int(side) // 2 * 2)
    part = frame.crop_bgr((left, top, left + even, top + even))
    return cast(UInt8, cv2.resize(part, (_THUMBNAIL_SIDE, _THUMBNAIL_SIDE), interpolation=cv2.INTER_AREA))


class EventPhase(StrEnum):
    """Told when it begins, and when it is over."""

    STARTED = "started"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Event:
    """One rule that held for one track. Scores are (seconds since the start of the track, score), the path is
    (seconds, x, y) of the foot, normalised; zones are those it was in while the event lasted."""

    camera_id: str
    rule: str
    track_id: int
    label: str
    started_at: datetime
    phase: EventPhase = EventPhase.STARTED
    ended_at: datetime | None = None
    zones: tuple[str, ...] = ()
    line: str = ""  # the line that was crossed, and which way
    direction: str = ""
    best_score: float = 0.0
    snapshot: Snapshot | None = None
    scores: tuple[tuple[float, float], ...] = ()
    path: tuple[tuple[float, float, float], ...] = ()
    event_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def ended(self, at: datetime) -> "Event":
        """The same event, over."""
        return replace(self, phase=EventPhase.ENDED, ended_at=at)


def _encode(image_bgr: UInt8) -> bytes:
    return cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
