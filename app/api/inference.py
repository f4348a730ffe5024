"""Answers about images."""

import base64
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, File, Form, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel

from app.api.context import Caller, Rooms
from registry.errors import UploadTooLarge
from registry.models.answer import Answer
from registry.models.serving import Thresholds
from registry.vision.encoding import encode_jpeg

router = APIRouter(prefix="/inference", tags=["inference"])


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


class DetectionOut(BaseModel):
    """One detection; `box` is [x1, y1, x2, y2] in source pixels."""

    box: list[float]
    class_id: int
    label: str
    score: float


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
    timing_ms: dict[str, float]
    annotated_image: str | None = None


@router.post("/predict", responses={200: {"model": PredictAnswer}})
async def predict(  # noqa: PLR0913 - the fields of the form
    *,
    rooms: Rooms,
    caller: Caller,
    file: Annotated[UploadFile, File(description="a JPEG, PNG, WebP, BMP or TIFF image")],
    model: Annotated[str, Form(max_length=63, description="the registered name")],
    version: Annotated[int | None, Form(ge=1, le=2**31)] = None,
    alias: Annotated[str | None, Form(max_length=31)] = None,
    confidence: Annotated[float | None, Form(ge=0, le=1)] = None,
    iou: Annotated[float | None, Form(ge=0, le=1)] = None,
    max_detections: Annotated[int | None, Form(ge=1, le=3_000)] = None,
    annotate: Annotated[bool, Form(description="also answer the picture with the answer drawn on it")] = False,
) -> Response:
    """Run a model on one image."""
    image = await file.read()
    _check_size(len(image), rooms.settings.image_max_mb)
    thresholds = Thresholds(confidence, iou, max_detections)
    answer = await run_in_threadpool(
        rooms.serving.predict, caller, image, model=model, version=version, alias=alias, thresholds=thresholds
    )
    body = answer.to_dict()
    if annotate:
        body["annotated_image"] = await run_in_threadpool(_drawn, answer)
    return Response(orjson.dumps(body), media_type="application/json")


def _check_size(size: int, most_mb: int) -> None:
    if size > most_mb * 2**20:
        raise UploadTooLarge(f"the image has {size / 2**20:.1f} MiB, the limit is {most_mb} MiB")


def _drawn(answer: Answer) -> Any:
    return "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(answer.plot())).decode()
