"""What cameras saw: events, their pictures and clips."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Response, status
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from app.api.asked import Asked
from app.api.byte_ranges import ranged
from app.api.cameras import CameraId
from app.api.context import Caller, Paging, Rooms, listing
from app.api.moments import Moment
from registry.cameras.events import MOST_DELETED, event_dict
from registry.records import EventKind
from registry.records.camera_events import EventFilter

router = APIRouter(tags=["cameras"])

EventId = Annotated[str, Path(max_length=64, description="the event's id")]
_SPAN: JsonDict = {"start": "2026-11-27T20:00:00Z", "kind": "object", "label": "person", "events": 12}
_JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}}, "description": "The picture."}}
_EVENT: dict[str, Any] = {
    "id": "c0ffee00c0ffee00c0ffee00c0ffee00",
    "camera_id": "6a1f4c0d9e2b47f5a1c3d5e7f9b0a2c4",
    "camera": "Loading bay",
    "kind": "object",
    "label": "person",
    "rule": "at the door",
    "zones": ["door"],
    "line": "",
    "direction": "",
    "score": 0.91,
    "box": [0.41, 0.3, 0.52, 0.8],
    "track_id": 17,
    "model": "people/4",
    "started_at": "2026-11-27T20:17:01Z",
    "ended_at": "2026-11-27T20:17:09Z",
    "detail": "",
    "sent_to": "",
    "links": {
        "snapshot": "/api/v1/camera-events/c0ffee00c0ffee00c0ffee00c0ffee00/snapshot",
        "thumbnail": "/api/v1/camera-events/c0ffee00c0ffee00c0ffee00c0ffee00/thumbnail",
        "clip": None,
    },
}


class EventLinks(BaseModel):
    """Where the pictures and the clip are; null for what there is not."""

    snapshot: str | None
    thumbnail: str | None
    clip: str | None


class EventOut(BaseModel):
    """Something that happened at a camera."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EVENT]})

    id: str
    camera_id: str
    camera: str = Field(description="the camera's name at that time")
    kind: EventKind
    label: str
    rule: str = Field(description="the rule that held")
    zones: list[str] = Field(description="those it was in")
    line: str = Field(description="the line that was crossed")
    direction: str = Field(description="`in` or `out` over that line")
    score: float = Field(description="the best")
    box: list[float] | None = Field(description="on the snapshot: x1, y1, x2, y2, 0 to 1")
    track_id: int
    model: str = Field(description="name/version that saw it")
    started_at: datetime
    ended_at: datetime | None
    detail: str
    sent_to: str = Field(description="the dataset version it was sent to")
    links: EventLinks


class EventDetail(EventOut):
    """An event with the way its object took."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [_EVENT | {"track": {"scores": [[0.0, 0.72], [0.2, 0.91]], "path": [[0.0, 0.46, 0.8]]}}]
        }
    )

    track: dict[str, Any] = Field(description="scores as [seconds, score], the path as [seconds, x, y]")


class EventPage(BaseModel):
    """One page of events, newest first."""

    items: list[EventOut]
    total: int
    page: int
    size: int


class Span(BaseModel):
    """How many events of a label began in a span of time."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SPAN]})

    start: datetime
    kind: EventKind
    label: str
    events: int


class SpansOut(BaseModel):
    """A histogram; spans without events are left out."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "width_s": 3600,
                    "items": [_SPAN],
                }
            ]
        }
    )

    width_s: int
    items: list[Span]


class EventsToDelete(Asked):
    """Which events are to be removed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ids": ["c0ffee00c0ffee00c0ffee00c0ffee00"]}]})

    ids: list[Annotated[str, Field(max_length=64)]] = Field(min_length=1, max_length=MOST_DELETED)


class Deleted(BaseModel):
    """How many events were removed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"deleted": 1}]})

    deleted: int


async def _wanted(  # noqa: PLR0913 - the filters of the list
    *,
    camera: Annotated[str, Query(max_length=32, description="id of a camera")] = "",
    group: Annotated[str, Query(max_length=32, description="id of a group")] = "",
    kind: EventKind | None = None,
    label: Annotated[str, Query(max_length=120)] = "",
    rule: Annotated[str, Query(max_length=64)] = "",
    zone: Annotated[str, Query(max_length=64)] = "",
    text: Annotated[str, Query(max_length=100, description="part of a camera's name, label, rule or detail")] = "",
    since: Annotated[Moment, Query(description="not before this time; UTC unless it says otherwise")] = None,
    until: Annotated[Moment, Query(description="before this time")] = None,
) -> EventFilter:
    return EventFilter(camera, group, kind or "", label, rule, zone, text, since, until)


Wanted = Annotated[EventFilter, Depends(_wanted)]


@router.get("/cameras/{camera_id}/events", response_model=EventPage)
def list_events_of_camera(  # noqa: PLR0913 - the filters of the list
    *,
    camera_id: CameraId,
    rooms: Rooms,
    caller: Caller,
    paging: Paging,
    kind: EventKind | None = None,
    label: Annotated[str, Query(max_length=120)] = "",
    since: Annotated[Moment, Query(description="not before this time; UTC unless it says otherwise")] = None,
    until: Annotated[Moment, Query(description="before this time")] = None,
) -> Any:
    """What one camera saw, newest first."""
    wanted = EventFilter(
        rooms.cameras.get(caller, camera_id).id, kind=kind or "", label=label, since=since, until=until
    )
    found, total = rooms.events.page(caller, wanted, number=paging[0], size=paging[1])
    return listing([event_dict(each) for each in found], total, paging)


@router.get("/camera-events", response_model=EventPage)
def list_events(rooms: Rooms, caller: Caller, wanted: Wanted, paging: Paging) -> Any:
    """What all cameras saw, newest first."""
    found, total = rooms.events.page(caller, wanted, number=paging[0], size=paging[1])
    return listing([event_dict(each) for each in found], total, paging)


@router.get("/camera-events/counts", response_model=SpansOut)
def count_events(
    rooms: Rooms,
    caller: Caller,
    wanted: Wanted,
    width_s: Annotated[int, Query(ge=60, le=31_536_000, description="seconds of a span")] = 3_600,
) -> Any:
    """How many events began in each span of time, by label; the last day where no `since` is given."""
    return {"width_s": width_s, "items": rooms.events.spans(caller, wanted, timedelta(seconds=width_s))}


@router.get("/camera-events/export", response_class=StreamingResponse, responses={200: {"content": {"text/csv": {}}}})
def export_events(rooms: Rooms, caller: Caller, wanted: Wanted) -> StreamingResponse:
    """The newest 100,000 matching events as CSV."""
    headers = {"content-disposition": 'attachment; filename="events.csv"'}
    return StreamingResponse(rooms.events.export(caller, wanted), media_type="text/csv", headers=headers)


@router.post("/camera-events/delete", response_model=Deleted)
def delete_events(body: EventsToDelete, rooms: Rooms, caller: Caller) -> Any:
    """Remove events with their pictures and clips; those that are gone already are no error."""
    return {"deleted": rooms.events.delete(caller, body.ids)}


@router.get("/camera-events/{event_id}", response_model=EventDetail)
def get_event(event_id: EventId, rooms: Rooms, caller: Caller) -> Any:
    """One event with the way its object took."""
    return event_dict(rooms.events.get(caller, event_id), with_track=True)


@router.delete("/camera-events/{event_id}", status_code=status.HTTP_204_NO_CONTENT)
def delete_event(event_id: EventId, rooms: Rooms, caller: Caller) -> Response:
    """Remove one event with its pictures and its clip."""
    rooms.events.delete_one(caller, event_id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.get("/camera-events/{event_id}/snapshot", response_class=Response, responses=_JPEG)
def get_snapshot(event_id: EventId, rooms: Rooms, caller: Caller) -> Response:
    """The picture that shows an event best."""
    return Response(rooms.events.picture(caller, event_id, "snapshot"), media_type="image/jpeg")


@router.get("/camera-events/{event_id}/thumbnail", response_class=Response, responses=_JPEG)
def get_thumbnail(event_id: EventId, rooms: Rooms, caller: Caller) -> Response:
    """The square around an event's object, 176 pixels wide."""
    return Response(rooms.events.picture(caller, event_id, "thumbnail"), media_type="image/jpeg")


@router.get(
    "/camera-events/{event_id}/clip",
    response_class=Response,
    responses={
        200: {"content": {"video/mp4": {}}, "description": "The film."},
        206: {"content": {"video/mp4": {}}, "description": "The part that was asked for."},
        416: {"description": "There is no such part; `Content-Range` says how long the film is."},
    },
)
def get_clip(
    event_id: EventId,
    rooms: Rooms,
    caller: Caller,
    part: Annotated[str | None, Header(alias="range", max_length=100, description="bytes=0-1023")] = None,
) -> Response:
    """The film of an event, or a part of it, as a player asks for."""
    return ranged(rooms.events.open_clip(caller, event_id), part, "video/mp4", f"{event_id}.mp4")
