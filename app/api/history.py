"""The history of one's own answers."""

import base64
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from app.api.context import Caller, Paging, Rooms, listing
from app.api.inference import DETECTED
from registry.records import InferenceResult

router = APIRouter(prefix="/inference/history", tags=["inference"])

_RESULT: JsonDict = {
    "id": "7c2f4b8e9d014a5fb6c3d2e1f0a98765",
    "image_name": "line-3.jpg",
    "model": "parts-detector",
    "version": 2,
    "task": "detect",
    "summary": "1 object",
    "created_at": "2026-05-04T08:15:00Z",
}


class ResultOut(BaseModel):
    """An answer that was got on the Inference page."""

    model_config = ConfigDict(json_schema_extra={"examples": [_RESULT]})

    id: str
    image_name: str
    model: str
    version: int
    task: str
    summary: str = Field(description="the answer in a few words")
    created_at: datetime


class ResultPage(BaseModel):
    """A page of results."""

    items: list[ResultOut]
    total: int
    page: int
    size: int


class WholeResult(ResultOut):
    """A result with its answer and picture."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_RESULT, "answer": DETECTED, "picture": "data:image/jpeg;base64,/9j/4AAQ…"}]}
    )

    answer: dict[str, Any] = Field(description="as POST /inference/predict answered it")
    picture: str = Field(description="a small JPEG with the answer drawn on it, as a data URL")


class Cleared(BaseModel):
    """How many results were deleted."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"deleted": 12}]})

    deleted: int


@router.get("")
def results(rooms: Rooms, caller: Caller, paging: Paging) -> ResultPage:
    """Your results, newest first. Pages keep what they answer; requests to the API are not kept."""
    found, total = rooms.history.page(caller, number=paging[0], size=paging[1])
    return ResultPage.model_validate(listing([_row(result) for result in found], total, paging))


@router.get("/{result_id}")
def result(rooms: Rooms, caller: Caller, result_id: str) -> WholeResult:
    """One of your results in full."""
    found = rooms.history.get(caller, result_id)
    picture = f"data:image/jpeg;base64,{base64.b64encode(found.picture).decode()}"
    return WholeResult.model_validate(_row(found) | {"answer": found.answer, "picture": picture})


@router.delete("/{result_id}", status_code=204)
def forget(rooms: Rooms, caller: Caller, result_id: str) -> None:
    """Delete one of your results."""
    rooms.history.forget(caller, result_id)


@router.delete("")
def clear(rooms: Rooms, caller: Caller) -> Cleared:
    """Delete all of your results."""
    return Cleared(deleted=rooms.history.clear(caller))


def _row(found: InferenceResult) -> dict[str, object]:
    return {
        "id": found.id,
        "image_name": found.image_name,
        "model": found.model_name,
        "version": found.model_version,
        "task": found.task,
        "summary": found.summary,
        "created_at": found.created_at,
    }
