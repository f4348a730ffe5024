"""Cameras: list, add, change, start, stop, try."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response, status
from pydantic import BaseModel, ConfigDict, Field

from app.api.context import Caller, Paging, Rooms, listing
from registry.cameras.asked import CameraChange, NewCamera, Tried
from registry.cameras.configuration import AnalysisSettings, ZoneSettings
from registry.cameras.recording import RecordingSettings
from registry.records.camera_list import CameraFilter

router = APIRouter(prefix="/cameras", tags=["cameras"])

CameraId = Annotated[str, Path(max_length=64, description="the camera's id")]
State = Literal["stopped", "connecting", "live", "stalled", "waiting", "failed"]

_CAMERA: dict[str, Any] = {
    "id": "6a1f4c0d9e2b47f5a1c3d5e7f9b0a2c4",
    "name": "Loading bay",
    "url": "rtsp://10.20.0.7:554/stream2",
    "has_credentials": True,
    "verify_tls": True,
    "group_id": None,
    "group": "",
    "model": "people",
    "alias": "champion",
    "version": None,
    "analysed_fps": 5.0,
    "wanted": True,
    "state": "live",
    "reason": "",
    "detail": "",
    "since": "2026-11-27T20:17:01Z",
    "fps": 5.0,
    "model_problem": "",
    "unknown_labels": [],
    "zones": [],
    "analysis": AnalysisSettings().model_dump(mode="json"),
    "recording": RecordingSettings().model_dump(mode="json"),
    "revision": 1,
    "owner": "eve",
    "created_at": "2026-11-27T20:16:58Z",
    "updated_at": "2026-11-27T20:16:58Z",
}


class CameraOut(BaseModel):
    """A camera with what it is doing. Its name and password are never answered."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CAMERA]})

    id: str
    name: str
    url: str = Field(description="without name and password; what looks like a secret in it is ***")
    has_credentials: bool = Field(description="a name, a password or a secret in the URL is stored")
    verify_tls: bool
    group_id: str | None
    group: str = Field(description="the group's name")
    model: str
    alias: str | None
    version: int | None
    analysed_fps: float
    wanted: bool = Field(description="somebody started it and nobody stopped it")
    state: State
    reason: str = Field(description="why it is not live, as a word for programs")
    detail: str = Field(description="the same for people")
    since: datetime | None = Field(description="in this state")
    fps: float = Field(description="pictures a second that come")
    model_problem: str = Field(description="why it does not look with the model that was chosen")
    unknown_labels: list[str] = Field(
        description="labels of its rules that the model which looks now does not know: they wait in vain"
    )
    zones: list[ZoneSettings]
    analysis: AnalysisSettings
    recording: RecordingSettings
    revision: int = Field(description="counts the changes")
    owner: str = Field(description="with whose rights it uses its model")
    created_at: datetime
    updated_at: datetime


class CameraPage(BaseModel):
    """One page of cameras by name."""

    items: list[CameraOut]
    total: int
    page: int
    size: int


class ProbeOut(BaseModel):
    """What a source sends, or why it sends nothing."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ok": True,
                    "at": "rtsp://10.20.0.7:554/stream2",
                    "width": 1280,
                    "height": 720,
                    "fps": 25.0,
                    "codec": "h264",
                    "preview": "/9j/4AAQ…",
                    "reason": "",
                    "words": "",
                    "detail": "",
                    "took_s": 2.9,
                }
            ]
        }
    )

    ok: bool
    at: str = Field(description="the source, without secrets")
    width: int
    height: int
    fps: float
    codec: str
    preview: str = Field(description="a JPEG in base64")
    reason: str = Field(description="why nothing comes, as a word for programs")
    words: str = Field(description="the same for people, with what to do")
    detail: str
    took_s: float


@router.get("", response_model=CameraPage)
def list_cameras(
    rooms: Rooms,
    caller: Caller,
    paging: Paging,
    group: Annotated[str, Query(max_length=32, description="id of a group, or `none`")] = "",
    state: Annotated[State | None, Query(description="only those in this state")] = None,
    search: Annotated[str, Query(max_length=100, description="part of a name or URL")] = "",
    model: Annotated[str, Query(max_length=63, description="only those that look with this model")] = "",
) -> Any:
    """List the cameras with what they are doing."""
    wanted = CameraFilter(group, state or "", search, model)
    found, total = rooms.cameras.page(caller, wanted, number=paging[0], size=paging[1])
    return listing([each.to_dict() for each in found], total, paging)


@router.post("", status_code=status.HTTP_201_CREATED, response_model=CameraOut, responses={404: {}, 409: {}, 503: {}})
def add_camera(body: NewCamera, rooms: Rooms, caller: Caller) -> Any:
    """Add a camera; with `start`, which is the default, a worker connects to it within seconds."""
    return rooms.cameras.create(caller, body).to_dict()


@router.post("/test", response_model=ProbeOut, responses={404: {}, 429: {}})
def test_connection(body: Tried, rooms: Rooms, caller: Caller) -> Any:
    """Try a source for some seconds, ten at most: its size, rate and a picture, or why none comes."""
    return rooms.probes.test(caller, body).to_dict()


@router.get("/{camera_id}", response_model=CameraOut)
def get_camera(camera_id: CameraId, rooms: Rooms, caller: Caller) -> Any:
    """One camera with what it is doing."""
    return rooms.cameras.get(caller, camera_id).to_dict()


@router.put("/{camera_id}", response_model=CameraOut, responses={409: {}, 503: {}})
def change_camera(camera_id: CameraId, body: CameraChange, rooms: Rooms, caller: Caller) -> Any:
    """Change a camera while it runs; what is left out stays, another address needs the password again."""
    return rooms.cameras.update(caller, camera_id, body).to_dict()


@router.delete("/{camera_id}", status_code=status.HTTP_204_NO_CONTENT)
def delete_camera(camera_id: CameraId, rooms: Rooms, caller: Caller) -> Response:
    """Remove a camera; its events and recordings stay for as long as the settings say."""
    rooms.cameras.delete(caller, camera_id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.post("/{camera_id}/start", response_model=CameraOut)
def start_camera(camera_id: CameraId, rooms: Rooms, caller: Caller) -> Any:
    """Have a camera run; one that runs or has failed is connected anew."""
    return rooms.cameras.start(caller, camera_id).to_dict()


@router.post("/{camera_id}/stop", response_model=CameraOut)
def stop_camera(camera_id: CameraId, rooms: Rooms, caller: Caller) -> Any:
    """Have a camera stop."""
    return rooms.cameras.stop(caller, camera_id).to_dict()
