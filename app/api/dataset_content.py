"""What is in a version of a dataset: samples, pictures, figures, the archive."""

import secrets
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from starlette.background import BackgroundTask

from app.api.context import Caller, Paging, Rooms, cut
from app.api.datasets import Format, Name, Version
from registry.training.datasets import sample_picture
from registry.training.datasets.problems import ImportReport
from registry.training.datasets.sample import Sample
from registry.training.datasets.statistics import Statistics
from registry.training.datasets.version import OpenVersion

router = APIRouter(prefix="/datasets/{name}/versions/{version}", tags=["datasets"])

SampleId = Annotated[str, Path(max_length=32, description="the sample's id")]

_SAMPLE: JsonDict = {
    "id": "0f3a1b2c4d5e6f70",
    "file": "line3/0001.jpg",
    "sha256": "9f2c…",
    "width": 1280,
    "height": 720,
    "split": "train",
    "group": "line3",
    "captured_at": "2026-05-04T08:15:00+00:00",
    "label": None,
    "objects": [{"box": [10.5, 20, 110.25, 220], "class_id": 1, "label": "nut", "polygons": [], "keypoints": []}],
    "problems": ["out_of_bounds"],
}


class ObjectOut(BaseModel):
    """A labelled object, in source pixels."""

    box: tuple[float, float, float, float]
    class_id: int
    label: str
    polygons: list[list[float]] = Field(description="outlines as x, y, x, y…")
    keypoints: list[tuple[float, float, int]] = Field(description="x, y and 0 not there, 1 hidden, 2 seen")


class SampleOut(BaseModel):
    """A picture with its labels and what was wrong with them."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SAMPLE]})

    id: str
    file: str
    sha256: str
    width: int
    height: int
    split: str = Field(description="train, val, test, or empty")
    group: str
    captured_at: str | None
    label: str | None = Field(description="the class of the whole picture")
    objects: list[ObjectOut]
    problems: list[str]


class SamplePage(BaseModel):
    """One page of samples, by file name."""

    items: list[SampleOut]
    total: int
    page: int
    size: int


@router.get("/samples", response_model=SamplePage)
def list_samples(  # noqa: PLR0913, PLR0917 - its filters
    name: Name,
    version: Version,
    rooms: Rooms,
    caller: Caller,
    paging: Paging,
    split: Annotated[Literal["", "train", "val", "test", "none"], Query(description="none: those in no split")] = "",
    label: Annotated[str, Query(max_length=120, description="a class")] = "",
    problem: Annotated[str, Query(max_length=40, description="a kind of problem, or any")] = "",
    search: Annotated[str, Query(max_length=100, description="part of a file name")] = "",
) -> Any:
    """The samples of a version."""
    opened = rooms.datasets.open(caller, name, version)
    found = opened.select(split=split, label=label, problem=problem, search=search)
    return cut(found, paging, lambda each: _row(each, opened))


@router.get("/samples/{sample_id}", response_model=SampleOut)
def get_sample(name: Name, version: Version, sample_id: SampleId, rooms: Rooms, caller: Caller) -> Any:
    """One sample."""
    opened = rooms.datasets.open(caller, name, version)
    return _row(opened.sample(sample_id), opened)


@router.get(
    "/samples/{sample_id}/image",
    response_class=Response,
    responses={200: {"content": {"image/*": {}}, "description": "The picture."}},
)
def get_sample_image(
    name: Name,
    version: Version,
    sample_id: SampleId,
    rooms: Rooms,
    caller: Caller,
    annotated: Annotated[bool, Query(description="a JPEG with the labels drawn on it")] = False,
    size: Annotated[int | None, Query(ge=16, le=8_192, description="longest side in pixels, as JPEG")] = None,
) -> Response:
    """A sample's picture as it came, or smaller, or with its labels."""
    opened = rooms.datasets.open(caller, name, version)
    sample = opened.sample(sample_id)
    if annotated or size:
        data = sample_picture.drawn(opened.folder, opened.dataset, sample, size or 1_280, annotated=annotated)
        return Response(data, media_type="image/jpeg")
    data, media_type = sample_picture.original(opened.folder, sample)
    return Response(data, media_type=media_type)


@router.get("/statistics", response_model=Statistics)
def get_statistics(name: Name, version: Version, rooms: Rooms, caller: Caller) -> Any:
    """How much of what is in a version, how large, of what shape and where."""
    return rooms.datasets.open(caller, name, version).statistics


@router.get("/report", response_model=ImportReport | None)
def get_report(name: Name, version: Version, rooms: Rooms, caller: Caller) -> Any:
    """What was found when the version came in: every problem with its file and line."""
    return rooms.datasets.open(caller, name, version).report


@router.get(
    "/export",
    response_class=FileResponse,
    responses={200: {"content": {"application/zip": {}}, "description": "The archive."}},
)
def export_dataset(
    name: Name,
    version: Version,
    rooms: Rooms,
    caller: Caller,
    format: Annotated[Format, Query()],  # noqa: A002
) -> FileResponse:
    """A version as a zip archive in one of the formats that are read."""
    target = rooms.datasets.workspace.staging(f"{secrets.token_hex(8)}.zip")
    rooms.datasets.export(caller, name, version, format, target)
    shown = f"{name}-v{version}-{format}.zip"
    return FileResponse(target, media_type="application/zip", filename=shown, background=BackgroundTask(target.unlink))


def _row(sample: Sample, opened: OpenVersion) -> dict[str, object]:
    classes = opened.dataset.classes
    return {
        "id": sample.id,
        "file": sample.file,
        "sha256": sample.sha256,
        "width": sample.width,
        "height": sample.height,
        "split": sample.split,
        "group": sample.group,
        "captured_at": sample.captured_at.isoformat() if sample.captured_at else None,
        "label": None if sample.label is None else classes[sample.label],
        "objects": [
            {
                "box": item.box,
                "class_id": item.class_id,
                "label": classes[item.class_id],
                "polygons": item.polygons,
                "keypoints": item.keypoints,
            }
            for item in sample.objects
        ],
        "problems": sorted(opened.problems.get(sample.file, ())),
    }
