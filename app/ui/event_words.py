"""What happened, in words."""

from typing import Any

from app.ui.camera_words import because
from app.ui.text import plain
from registry.records import CameraEvent, EventKind

KINDS = {
    EventKind.OBJECT: ("Seen", "visibility", "blue"),
    EventKind.OFFLINE: ("Offline", "videocam_off", "red"),
    EventKind.ONLINE: ("Back", "videocam", "green"),
    EventKind.DISAGREEMENT: ("Models disagree", "compare_arrows", "violet"),
    EventKind.DISK: ("Room needed", "storage", "orange"),
}


def what(event: CameraEvent) -> str:
    """Such as `person crossed gate, in` or `person in door`, as Markdown."""
    if event.kind == EventKind.OFFLINE:
        why = because(event.detail) or event.detail
        return f"Camera went offline{f': {plain(why, longest=80)}' if why else ''}"
    if event.kind == EventKind.ONLINE:
        return "Camera is back"
    if event.kind == EventKind.DISK:
        return plain(event.detail[:1].upper() + event.detail[1:], longest=120)
    if event.kind == EventKind.DISAGREEMENT:
        return f"Models disagree on {plain(event.label or 'an object', longest=60)}"
    label = plain(event.label or "something", longest=60)
    if event.line:
        way = f", {event.direction}" if event.direction else ""
        return f"{label} crossed {plain(event.line, longest=60)}{way}"
    places = " and ".join(plain(zone, longest=40) for zone in event.zones[:3])
    return f"{label} in {places}" if places else label


def lasted(event: CameraEvent) -> str:
    """How long it went on, as far as is known."""
    if event.ended_at is None:
        return "going on" if event.kind == EventKind.OBJECT else ""
    seconds = max((event.ended_at - event.started_at).total_seconds(), 0)
    return (
        f"{seconds:.0f} s"
        if seconds < 90
        else f"{seconds / 60:.0f} min"
        if seconds < 5_400
        else f"{seconds / 3_600:.1f} h"
    )


def scores(event: CameraEvent) -> list[tuple[float, float]]:
    """The score's history: seconds since the track began, score."""
    return [(float(each[0]), float(each[1])) for each in _rows(event.track.get("scores"), 2)]


def path(event: CameraEvent) -> list[tuple[float, float]]:
    """Where the object's foot was, in shares of the picture."""
    return [(float(each[1]), float(each[2])) for each in _rows(event.track.get("path"), 3)]


def _rows(stored: Any, width: int) -> list[Any]:
    return [each for each in stored if len(each) == width] if isinstance(stored, list) else []
