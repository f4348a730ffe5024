"""Notifications enter the line in the transaction that writes their event: neither is there without the other."""

from typing import Any

from sqlmodel import Session

from registry.errors import InvalidInput
from registry.notify.wanted import Phase, wanted_of
from registry.records import CameraEvent, CameraRecord, NotificationDelivery, notifications

MOST = 100_000  # that wait for one receiver whatever the settings say


def enqueue(session: Session, event: CameraEvent, phase: Phase, most: int = MOST) -> int:
    """Put an event into the line of each receiver that wants it; of how many. `most` may wait for each."""
    receivers = notifications.on(session)
    if not receivers:
        return 0
    camera = session.get(CameraRecord, event.camera_id)
    told = 0
    for receiver in receivers:
        try:
            wanted = wanted_of(receiver.wanted)
        except InvalidInput:  # of another release
            continue
        if wanted.matches(event, camera.group_id if camera else None, phase):
            delivery = NotificationDelivery(
                receiver_id=receiver.id, event_id=event.id, phase=phase, payload=payload_of(event, phase)
            )
            notifications.put(session, delivery, most)
            told += 1
    return told


def payload_of(event: CameraEvent, phase: str) -> dict[str, Any]:
    """What a receiver is sent of an event."""
    return {
        "event": event.id,
        "phase": phase,
        "kind": str(event.kind),
        "camera": {"id": event.camera_id, "name": event.camera_name},
        "label": event.label,
        "rule": event.rule,
        "zones": list(event.zones),
        "line": event.line,
        "direction": event.direction,
        "score": round(event.score, 4),
        "box": event.box,
        "track_id": event.track_id,
        "model": event.model,
        "started_at": event.started_at.isoformat(),
        "ended_at": event.ended_at.isoformat() if event.ended_at else None,
        "detail": event.detail,
        "snapshot": event.snapshot,
    }


def sentence(payload: dict[str, Any]) -> str:
    """An event in one line, for people."""
    camera = payload.get("camera", {}).get("name", "")
    said = {
        "object": f"{payload.get('label') or 'something'} at {camera}",
        "offline": f"{camera} is offline",
        "online": f"{camera} is back",
        "disk": f"{camera}: recordings deleted early, the disk is nearly full",
        "disagreement": f"two models disagree at {camera}",
        "test": "this is a test",
    }
    places = [*payload.get("zones", []), *([payload["line"]] if payload.get("line") else [])]
    where = f" ({', '.join(places)})" if places else ""
    return said.get(str(payload.get("kind")), f"{payload.get('kind')} at {camera}") + where
