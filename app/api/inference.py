"""Answers about images."""

import base64
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, TypeAdapter, ValidationError

from app.api.context import Caller, Rooms
from app.api.waiting import AdmittedRoute, while_connected
from registry.errors import InvalidInput, UploadTooLarge
from registry.models.answer import Answer
from registry.models.serving import Thresholds
from registry.runtime.prompts import Prompts
from registry.vision.encoding import encode_jpeg

router = APIRouter(prefix="/inference", tags=["inference"])
_ROWS = TypeAdapter(list[list[float]])
admitted = APIRouter(route_class=AdmittedRoute)
CLIENT_GONE = 499  # nobody reads it; the access log does


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

    `mask` is there for segmentation, `keypoints` for poses: [x, y] or [x, y, visibility] for each point.
    """

    box: list[float]
    class_id: int
    label: str
    score: float
    mask: MaskOut | None = None
    keypoints: list[list[float]] | None = None


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

    model: UsedModel
    image: ImageSize
    detections: list[DetectionOut] | None = None
    classes: list[ClassOut] | None = None
    text: list[TextOut] | None = None
    embedding: list[float] | None = None
    timing_ms: dict[str, float]
    annotated_image: str | None = None


@admitted.post("/predict", responses={200: {"model": PredictAnswer}, 404: {}})
async def predict(  # noqa: PLR0913 - the fields of the form
    *,
    request: Request,
    rooms: Rooms,
    caller: Caller,
    file: Annotated[UploadFile, File(description="a JPEG, PNG, WebP, BMP or TIFF image")],
    model: Annotated[str, Form(max_length=63, description="the registered name")],
    version: Annotated[int | None, Form(ge=1, le=2**31)] = None,
    alias: Annotated[str | None, Form(max_length=31)] = None,
    confidence: Annotated[float | None, Form(ge=0, le=1)] = None,
    iou: Annotated[float | None, Form(ge=0, le=1)] = None,
    max_detections: Annotated[int | None, Form(ge=1, le=3_000)] = None,
    points: Annotated[
        str | None, Form(max_length=8_000, description="for segment-by-prompt, JSON: [[x, y, 1 on or 0 beside], …]")
    ] = None,
    boxes: Annotated[
        str | None, Form(max_length=8_000, description="for segment-by-prompt, JSON: [[x1, y1, x2, y2], …]")
    ] = None,
    annotate: Annotated[bool, Form(description="also answer the picture with the answer drawn on it")] = False,
) -> Response:
    """Run a model on one image."""
    image = await read_image(file, rooms.live.latest().image_max_mb)
    ready = rooms.serving.at_hand(caller, model, version=version, alias=alias)
    if ready is None:  # it has to be asked for, or loaded
        ready = await run_in_threadpool(rooms.serving.ready, caller, model, version=version, alias=alias)
    thresholds = Thresholds(confidence, iou, max_detections)
    answering = rooms.serving.submit(ready, image, thresholds, _prompts(points, boxes))
    answer = await while_connected(request, answering)
    if answer is None:
        return Response(status_code=CLIENT_GONE)
    body = answer.to_dict()
    if annotate:
        body["annotated_image"] = await run_in_threadpool(_drawn, answer, rooms.live.latest().jpeg_quality)
    return Response(orjson.dumps(body), media_type="application/json")


router.include_router(admitted)


async def read_image(file: UploadFile, most_mb: int) -> bytes:
    """The bytes of an uploaded image. Raises UploadTooLarge."""
    image = await file.read()
    if len(image) > most_mb * 2**20:
        raise UploadTooLarge(f"the image has {len(image) / 2**20:.1f} MiB, the limit is {most_mb} MiB")
    return image


def _prompts(points: str | None, boxes: str | None) -> Prompts | None:
    if points is None and boxes is None:
        return None
    return Prompts(_numbers("points", points), _numbers("boxes", boxes))


def _numbers(field: str, text: str | None) -> list[list[float]]:
    try:
        return _ROWS.validate_json(text or "[]")
    except ValidationError as error:
        raise InvalidInput(f"{field} is not a JSON list of lists of numbers", details={"field": field}) from error


def _drawn(answer: Answer, quality: int) -> Any:
    return "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(answer.plot(), quality)).decode()
