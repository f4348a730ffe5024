"""What a camera shows at this moment, and how its stream is."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.context import Caller, Rooms

router = APIRouter(prefix="/cameras", tags=["cameras"])
CameraId = Annotated[str, Path(max_length=32, description="the camera's id")]


class FrameAccount(BaseModel):
    """What became of the frames since the worker took the camera: captured is the sum of all the others."""

    captured: int
    inferred: dict[str, int] = Field(description="by model, `name/version`")
    gated: int = Field(description="nothing moved")
    dropped: dict[str, int] = Field(description="by reason")
    failed: int
    pending: int


class LookingModel(BaseModel):
    """The model that looks."""

    name: str = Field(description="empty: none")
    version: int | None
    problem: str = Field(description="why it is not the one that was chosen")


class ResultAge(BaseModel):
    """How old results are when they are told, in milliseconds."""

    median: float
    p95: float


class ShadowLooks(BaseModel):
    """What a challenger did that looks in the shadow of the model."""

    model: str = Field(description="`name/version`; empty: there is none")
    looked: int
    disagreed: int
    kept: int = Field(description="as events of the kind `disagreement`, worth a label")


class HistoryStep(BaseModel):
    """What became of the frames of some fifteen seconds."""

    at: datetime = Field(description="when they were over")
    fps: float = Field(description="decoded in a second")
    age_p95_ms: float = Field(description="how old results were when they were told; 0 where nothing was inferred")
    inferred_per_minute: float
    gated_per_minute: float
    dropped_per_minute: float
    failed_per_minute: float


class StreamInfo(BaseModel):
    """How a camera's stream is, as told within the last second or two."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "camera_id": "7f0c2b41d5e84a0f9f4f1f0a5a1b2c3d",
                    "name": "Loading dock",
                    "state": "live",
                    "reason": "",
                    "detail": "",
                    "since": "2026-11-27T20:17:01Z",
                    "reported_at": "2026-11-27T20:21:44Z",
                    "worker": "vision-1",
                    "live_url": "/live/7f0c2b41d5e84a0f9f4f1f0a5a1b2c3d.mjpg",
                    "fps": 5.0,
                    "size": [640, 360],
                    "source_size": [1280, 720],
                    "age_ms": {"median": 41.0, "p95": 88.5},
                    "account": {
                        "captured": 1415,
                        "inferred": {"people/3": 301},
                        "gated": 1101,
                        "dropped": {"overrun": 12},
                        "failed": 0,
                        "pending": 1,
                    },
                    "model": {"name": "people", "version": 3, "problem": ""},
                    "counts": {"gate": {"in": 12, "out": 9}},
                    "tracks": 2,
                    "retry_in_s": 0.0,
                    "connections": 1,
                    "recording": {},
                    "recording_problem": "",
                    "shadow": {"model": "people/4", "looked": 120, "disagreed": 9, "kept": 3},
                    "history": [
                        {
                            "at": "2026-11-27T20:21:32Z",
                            "fps": 5.0,
                            "age_p95_ms": 88.5,
                            "inferred_per_minute": 64.0,
                            "gated_per_minute": 232.0,
                            "dropped_per_minute": 4.0,
                            "failed_per_minute": 0.0,
                        }
                    ],
                }
            ]
        }
    )

    camera_id: str
    name: str
    state: str = Field(description="stopped, connecting, live, stalled, waiting, failed")
    reason: str = Field(description="why it is not live; docs/cameras.md lists them")
    detail: str
    since: datetime | None = Field(description="in this state")
    reported_at: datetime | None
    worker: str = Field(description="the host whose worker runs it")
    live_url: str = Field(description="MJPEG, with `?overlay=0` without anything drawn on it")
    fps: float
    size: list[int] = Field(description="width and height of the analysed picture")
    source_size: list[int] = Field(description="width and height of what the camera sends")
    age_ms: ResultAge
    account: FrameAccount
    model: LookingModel
    counts: dict[str, dict[str, int]] = Field(description="crossings by line, `in` and `out`, since the camera started")
    tracks: int = Field(description="objects in the newest picture that was analysed")
    retry_in_s: float = Field(description="until the next try to connect")
    connections: int = Field(description="how often a first picture came since the worker took the camera")
    shadow: ShadowLooks
    recording: dict[str, int] = Field(description="what the recorder counts; empty where nothing is recorded")
    recording_problem: str = Field(description="why the disk lets nothing be recorded now; empty where it does")
    history: list[HistoryStep] = Field(description="the last hour, oldest first; while no worker ran it nothing")


@router.get(
    "/{camera_id}/snapshot",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}, "description": "The picture."}, 404: {}, 409: {}, 503: {}},
)
async def get_snapshot(
    camera_id: CameraId,
    rooms: Rooms,
    caller: Caller,
    overlay: Annotated[bool, Query(description="with boxes, zones and lines drawn on it")] = False,
) -> Response:
    """The newest picture of a camera as JPEG; 409 where it shows nothing now, with the reason."""
    picture = await rooms.pictures.snapshot(caller, camera_id, overlay=overlay)
    return Response(picture, media_type="image/jpeg", headers={"cache-control": "no-store"})


@router.get("/{camera_id}/stream-info", response_model=StreamInfo, responses={404: {}})
def get_stream_info(camera_id: CameraId, rooms: Rooms, caller: Caller) -> Any:
    """State, frame rate, sizes, model, counts, and what became of every frame."""
    return rooms.viewing.info(caller, camera_id)
