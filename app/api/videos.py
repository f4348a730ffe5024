"""Videos on their way to becoming jobs."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field, ValidationError, field_validator
from starlette.datastructures import UploadFile

from app.api.asked import refused_body
from app.api.context import Caller, Rooms
from app.api.jobs import JobOut
from app.api.moments import Moment
from app.platform import Platform
from registry.access import Actor
from registry.errors import InvalidInput, UploadTooLarge
from registry.jobs.video.parameters import VideoAsked
from registry.jobs.video.videos import Asked, Stretch
from registry.models.quarantine import chunks_of
from registry.models.thresholds import Thresholds
from registry.records import Job
from registry.runtime.card import Share

router = APIRouter(prefix="/inference", tags=["jobs"])
_FILE = "file"
_MOST_FIELDS, _FIELD_BYTES, _JSON_BYTES = 32, 1 << 18, 1 << 18
_ELSEWHERE = frozenset({"path", "camera", "from", "to"})  # of a body without a file
_JSON_FIELDS = ("zones", "lines", "draw")


class VideoBody(VideoAsked):
    """What is asked about a video. In a form, `zones`, `lines` and `draw` are JSON."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "digit-detector",
                    "path": "/srv/videos/gate.mp4",
                    "fps": 5,
                    "zones": [{"name": "gate", "polygon": [[0.1, 0.2], [0.6, 0.2], [0.6, 0.9]]}],
                    "lines": [{"name": "door", "start": [0.5, 0.0], "end": [0.5, 1.0]}],
                }
            ]
        }
    )

    model: Annotated[str, Field(max_length=63, description="the registered name")]
    path: Annotated[
        str, Field(max_length=1_000, description="instead of a file: one on the server, in a folder that jobs may read")
    ] = ""
    camera: Annotated[str, Field(max_length=40, description="instead: what was recorded of a camera, by its id")] = ""
    since: Annotated[Moment, Field(alias="from", description="UTC unless it says otherwise")] = None
    until: Annotated[Moment, Field(alias="to", description="UTC unless it says otherwise")] = None
    version: Annotated[int, Field(ge=1, le=2**31)] | None = None
    alias: Annotated[str, Field(max_length=31)] | None = None
    confidence: Share | None = None
    iou: Share | None = None
    max_detections: Annotated[int, Field(ge=1, le=3_000)] | None = None

    @field_validator(*_JSON_FIELDS, mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError("it is no JSON") from error

    @classmethod
    def read(cls, fields: dict[str, Any]) -> "VideoBody":
        """What the fields say. Raises RequestValidationError."""
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise refused_body(error) from error

    def asked(self) -> Asked:
        """As the library takes it."""
        about = VideoAsked.model_validate({name: getattr(self, name) for name in VideoAsked.model_fields})
        given = Thresholds(self.confidence, self.iou, self.max_detections)
        return Asked(self.model, self.version, self.alias, given, about)


_SCHEMA = VideoBody.model_json_schema(ref_template="#/components/schemas/{model}")
_DEFINITIONS = _SCHEMA.pop("$defs", {})


def _inlined(schema: Any) -> Any:
    """The schema with what it refers to in its place."""
    if isinstance(schema, list):
        return [_inlined(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(_DEFINITIONS[schema["$ref"].rpartition("/")[2]])
    return {name: _inlined(each) for name, each in schema.items()}


_BODY = _inlined(_SCHEMA)
_TEXTS = {name: {"type": "string", "description": "JSON, as in the other kind of body"} for name in _JSON_FIELDS}
_FORM = {
    "type": "object",
    "required": ["file", "model"],
    "properties": {
        _FILE: {
            "type": "string",
            "contentMediaType": "application/octet-stream",
            "description": "an MP4, MOV, MKV, WebM, AVI or MPEG-TS video",
        }
    }
    | {name: each for name, each in _BODY["properties"].items() if name not in _ELSEWHERE}
    | _TEXTS,
}
_REQUEST = {
    "required": True,
    "content": {"multipart/form-data": {"schema": _FORM}, "application/json": {"schema": _BODY}},
}


@router.post(
    "/video",
    status_code=202,
    response_model=JobOut,
    responses={404: {}},
    openapi_extra={"requestBody": _REQUEST},
)
async def start_video(request: Request, rooms: Rooms, caller: Caller) -> JSONResponse:
    """Analyse a video beside the requests: tracks, counts, charts, an annotated film; follow the job at `Location`.

    The same video asked about in the same way is the same job, unless that failed or was cancelled.
    """
    job = await (_from_json if _is_json(request) else _from_form)(request, rooms, caller)
    out = await run_in_threadpool(rooms.jobs.to_dict, job)
    where = f"{request.scope.get('root_path', '')}/inference/jobs/{job.id}"
    return JSONResponse(JobOut.model_validate(out).model_dump(mode="json"), 202, {"location": where})


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


async def _from_json(request: Request, rooms: Platform, caller: Actor) -> Job:
    content = bytearray()
    async for piece in request.stream():  # the gate lets through what a video may have
        content += piece
        if len(content) > _JSON_BYTES:
            raise UploadTooLarge(f"a JSON body has at most {_JSON_BYTES >> 10} KiB", hint="Send a video as a form.")
    try:
        given = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("the body is no JSON") from error
    if not isinstance(given, dict):
        raise InvalidInput("the body is no JSON object")
    body = VideoBody.read(given)
    return await run_in_threadpool(_start_there, rooms, caller, body)


def _start_there(rooms: Platform, caller: Actor, body: VideoBody) -> Job:
    """A video that is here already."""
    if body.camera and body.since and body.until and not body.path:
        stretch = Stretch(body.camera, body.since, body.until)
        return rooms.videos.start_camera(caller, body.asked(), rooms.recordings, stretch)
    if body.path and not body.camera:
        return rooms.videos.start_path(caller, body.asked(), body.path)
    raise InvalidInput(
        "name a file on the server, or a camera with `from` and `to`",
        hint="Or send a video as a form.",
        details={"field": "path"},
    )


async def _from_form(request: Request, rooms: Platform, caller: Actor) -> Job:
    await run_in_threadpool(rooms.jobs.check_room, caller)
    async with request.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=_FIELD_BYTES) as form:
        file = form.get(_FILE)
        fields = {name: value for name, value in form.items() if name != _FILE and value != ""}
        body = VideoBody.read(fields)
        if isinstance(file, UploadFile):
            chunks = chunks_of(file.file, rooms.live.latest().video_max_mb)
            return await run_in_threadpool(rooms.videos.start_upload, caller, body.asked(), file.filename or "", chunks)
    raise InvalidInput("the form holds no file", details={"field": _FILE})
