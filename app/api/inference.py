"""Answers about images."""

import base64
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.config import JsonDict
from starlette.requests import ClientDisconnect

from app.api.asked import Asked
from app.api.context import Caller, Rooms
from app.api.streamed_form import checked, described, read_form
from app.api.waiting import AdmittedRoute, while_connected
from registry.errors import InvalidInput, UploadTooLarge
from registry.models.answer import Answer
from registry.models.thresholds import Thresholds
from registry.runtime.card import Share
from registry.runtime.prompts import Prompts
from registry.vision.encoding import encode_jpeg

router = APIRouter(prefix="/inference", tags=["inference"])
_ROWS = TypeAdapter(list[list[float]])
admitted = APIRouter(route_class=AdmittedRoute)
CLIENT_GONE = 499  # nobody reads it; the access log does
TIMING: JsonDict = {  # of the examples
    "decode": 2.8,
    "preprocess": 1.1,
    "inference": 17.6,
    "postprocess": 0.4,
    "queue": 0.0,
    "total": 22.0,
}
DETECTED: JsonDict = {
    "model": {"name": "parts-detector", "version": 2, "task": "detect", "sha256": "9f2c…"},
    "image": {"width": 1280, "height": 720},
    "detections": [{"box": [412.5, 208.0, 498.2, 301.7], "class_id": 0, "label": "bolt", "score": 0.94}],
    "timing_ms": TIMING,
}


class UsedModel(BaseModel):
    """The version that answered."""

    name: str
    version: int
    task: str
    sha256: str


class ImageSize(BaseModel):
    """Pixels of the source image, after its EXIF orientation."""

    width: int
    height: int


class MaskOut(BaseModel):
    """A mask of the whole source image as COCO's uncompressed run lengths.

    `size` is [height, width]; `counts` are lengths of runs of pixels outside and inside in turn, outside first, down
    the columns from left to right.
    """

    size: list[int]
    counts: list[int]


class DetectionOut(BaseModel):
    """One detection; `box` is [x1, y1, x2, y2] in source pixels.

    `mask` is there for segmentation, `keypoints` for poses: [x, y] or [x, y, visibility] for each point. `corners` is
    there for oriented boxes: [x, y] of each corner in their order around the rectangle, also outside the image.
    """

    box: list[float]
    class_id: int
    label: str
    score: float
    mask: MaskOut | None = None
    keypoints: list[list[float]] | None = None
    corners: list[list[float]] | None = None


class ClassOut(BaseModel):
    """One class with its probability."""

    class_id: int
    label: str
    score: float


class TextOut(BaseModel):
    """One line of text, in source pixels."""

    text: str
    score: float
    box: list[float]
    polygon: list[list[float]]


class PredictAnswer(BaseModel):
    """The answer; which of the answers is there depends on the model's task."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                DETECTED,
                {
                    "model": {"name": "parts-kind", "version": 1, "task": "classify", "sha256": "51ab…"},
                    "image": {"width": 1280, "height": 720},
                    "classes": [{"class_id": 1, "label": "nut", "score": 0.97}],
                    "timing_ms": TIMING,
                },
            ]
        }
    )

    model: UsedModel
    image: ImageSize
    detections: list[DetectionOut] | None = None
    classes: list[ClassOut] | None = None
    text: list[TextOut] | None = None
    embedding: list[float] | None = None
    timing_ms: dict[str, float]
    annotated_image: str | None = None


class PredictForm(Asked):
    """The fields beside the image."""

    model: Annotated[str, Field(max_length=63, description="the registered name")]
    version: Annotated[int | None, Field(ge=1, le=2**31)] = None
    alias: Annotated[str | None, Field(max_length=31)] = None
    confidence: Share | None = None
    iou: Share | None = None
    max_detections: Annotated[int | None, Field(ge=1, le=3_000)] = None
    points: Annotated[
        str | None, Field(max_length=8_000, description="for segment-by-prompt, JSON: [[x, y, 1 on or 0 beside], …]")
    ] = None
    boxes: Annotated[
        str | None, Field(max_length=8_000, description="for segment-by-prompt, JSON: [[x1, y1, x2, y2], …]")
    ] = None
    annotate: Annotated[bool, Field(description="also answer the picture with the answer drawn on it")] = False

    @property
    def thresholds(self) -> Thresholds:
        """What a detection has to reach."""
        return Thresholds(self.confidence, self.iou, self.max_detections)

    @property
    def prompts(self) -> Prompts | None:
        """What was pointed at, if the fields say. Raises InvalidInput."""
        if self.points is None and self.boxes is None:
            return None
        return Prompts(_numbers("points", self.points), _numbers("boxes", self.boxes))


@admitted.post(
    "/predict",
    responses={200: {"model": PredictAnswer}, 404: {}, 504: {}},
    openapi_extra=described(PredictForm, "a JPEG, PNG, WebP, BMP or TIFF image"),
)
async def predict(request: Request, rooms: Rooms, caller: Caller) -> Response:
    """Run a model on one image."""
    try:
        image, form = await _sent(request, rooms.live.latest().image_max_mb)
    except ClientDisconnect:
        return Response(status_code=CLIENT_GONE)
    ready = rooms.serving.at_hand(caller, form.model, version=form.version, alias=form.alias)
    if ready is None:  # it has to be asked for, or loaded
        ready = await run_in_threadpool(rooms.serving.ready, caller, form.model, version=form.version, alias=form.alias)
    answer = await while_connected(request, rooms.serving.submit(ready, image, form.thresholds, form.prompts))
    if answer is None:
        return Response(status_code=CLIENT_GONE)
    body = answer.to_dict()
    if form.annotate:
        body["annotated_image"] = await run_in_threadpool(_drawn, answer, rooms.live.latest().jpeg_quality)
    return Response(orjson.dumps(body), media_type="application/json")


router.include_router(admitted)


async def read_image(file: UploadFile, most_mb: int) -> bytes:
    """The bytes of an uploaded image. Raises UploadTooLarge."""
    image = await file.read()
    if len(image) > most_mb * 2**20:
        raise _too_large(len(image), most_mb)
    return image


async def _sent(request: Request, most_mb: int) -> tuple[bytes, PredictForm]:
    """The image and the fields of a request. Raises InvalidInput, RequestValidationError, UploadTooLarge."""
    pieces: list[bytes] = []
    size = 0

    async def take(piece: bytes) -> None:
        nonlocal size
        size += len(piece)
        if size <= most_mb * 2**20:  # what is too large is read to its end, or its sender would hear nothing
            pieces.append(piece)

    form = checked(PredictForm, await read_form(request, take))
    if size > most_mb * 2**20:
        raise _too_large(size, most_mb)
    return b"".join(pieces), form


def _too_large(size: int, most_mb: int) -> UploadTooLarge:
    return UploadTooLarge(f"the image has {size / 2**20:.1f} MiB, the limit is {most_mb} MiB")


def _numbers(field: str, text: str | None) -> list[list[float]]:
    try:
        return _ROWS.validate_json(text or "[]")
    except ValidationError as error:
        raise InvalidInput(f"{field} is not a JSON list of lists of numbers", details={"field": field}) from error


def _drawn(answer: Answer, quality: int) -> Any:
    return "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(answer.plot(), quality)).decode()
