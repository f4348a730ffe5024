"""What cameras recorded: lists, files, exports."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Response, status
from pydantic import BaseModel, ConfigDict, Field

from app.api.byte_ranges import ranged
from app.api.context import Caller, Paging, Rooms, listing
from app.api.moments import GivenMoment, Moment
from registry.records import RecordingSegment
from registry.records.segments import SegmentFilter

router = APIRouter(tags=["recordings"])

RecordingId = Annotated[str, Path(max_length=40, description="the recording's id")]
CameraId = Annotated[str, Path(max_length=40, description="the camera's id")]
Part = Annotated[str | None, Header(alias="range", max_length=100, description="bytes=0-1023")]
_VIDEO: dict[int | str, dict[str, Any]] = {
    200: {"content": {"video/mp4": {}}, "description": "An MP4."},
    206: {"content": {"video/mp4": {}}, "description": "The part that was asked for."},
    416: {"description": "There is no such part; `Content-Range` says how long the film is."},
}


class RecordingOut(BaseModel):
    """Some seconds of a camera in one file."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0006614a2e3c133859176fde1e66b42d",
                    "camera_id": "5e0c4c3a8f4d4b0f9d3c1a2b3c4d5e6f",
                    "camera_name": "door",
                    "started_at": "2026-11-27T23:11:30.426855Z",
                    "ended_at": "2026-11-27T23:11:40.466855Z",
                    "seconds": 10.04,
                    "size_bytes": 2884012,
                    "codec": "h264",
                    "has_motion": True,
                    "has_event": False,
                    "expires_at": "2026-12-04T23:11:30.426855Z",
                }
            ]
        }
    )

    id: str
    camera_id: str
    camera_name: str
    started_at: datetime
    ended_at: datetime
    seconds: float
    size_bytes: int
    codec: str = Field(description="h264, h265, mjpeg, vp9 or av1, as the camera sent it")
    has_motion: bool
    has_event: bool
    expires_at: datetime | None = Field(description="when it is deleted; empty: when room is needed")


class RecordingPage(BaseModel):
    """One page of recordings, newest first."""

    items: list[RecordingOut]
    total: int
    page: int
    size: int


@router.get("/recordings", response_model=RecordingPage)
def list_recordings(  # noqa: PLR0913, PLR0917 - its filters
    rooms: Rooms,
    caller: Caller,
    paging: Paging,
    camera: Annotated[str, Query(max_length=40, description="the camera's id")] = "",
    group: Annotated[str, Query(max_length=40, description="the id of a group of cameras")] = "",
    since: Annotated[Moment, Query(alias="from", description="UTC unless it says otherwise")] = None,
    until: Annotated[Moment, Query(alias="to", description="UTC unless it says otherwise")] = None,
    mode: Annotated[
        Literal["", "continuous", "motion", "events"], Query(description="with motion, with events, or with neither")
    ] = "",
) -> Any:
    """List what was recorded, newest first."""
    wanted = SegmentFilter(camera, group, mode, since, until)
    found, total = rooms.recordings.page(caller, wanted, number=paging[0], size=paging[1])
    return listing([_row(each) for each in found], total, paging)


@router.get("/recordings/{recording_id}", response_class=Response, responses=_VIDEO)
def get_recording(
    recording_id: RecordingId,
    rooms: Rooms,
    caller: Caller,
    playable: Annotated[bool, Query(description="encode what browsers do not play in a video (mjpeg, h265)")] = False,
    part: Part = None,
) -> Response:
    """A recording as MP4; byte ranges are answered."""
    file = rooms.recordings.open(caller, recording_id, playable=playable)
    return ranged(file, part, "video/mp4", f"{recording_id}.mp4")


@router.delete("/recordings/{recording_id}", status_code=status.HTTP_204_NO_CONTENT)
def delete_recording(recording_id: RecordingId, rooms: Rooms, caller: Caller) -> Response:
    """Delete a recording with its file."""
    rooms.recordings.delete(caller, recording_id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.get("/cameras/{camera_id}/recording", response_class=Response, responses={**_VIDEO, 409: {}})
def export_recording(
    camera_id: CameraId,
    rooms: Rooms,
    caller: Caller,
    since: Annotated[GivenMoment, Query(alias="from", description="UTC unless it says otherwise")],
    until: Annotated[GivenMoment, Query(alias="to", description="UTC unless it says otherwise")],
    part: Part = None,
) -> Response:
    """A camera's time in one MP4, joined without encoding it anew; what was not recorded is left out."""
    made, file = rooms.recordings.open_export(caller, camera_id, since, until)
    name = f"{camera_id}-{made.started_at:%Y%m%dT%H%M%SZ}.mp4"
    return ranged(file, part, "video/mp4", name, "attachment")


def _row(record: RecordingSegment) -> dict[str, Any]:
    seconds = (record.ended_at - record.started_at).total_seconds()
    return {**record.model_dump(exclude={"path", "host"}), "seconds": round(seconds, 3)}
