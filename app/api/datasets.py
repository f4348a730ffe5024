"""The datasets one may use: import, versions, splits, differences."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, File, Form, Path, Query, Request, Response, UploadFile, status
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from app.api.context import Caller, Paging, Rooms, cut, listing
from app.api.jobs import JobOut, accepted
from registry.mlflow_file import AccessLevel
from registry.models.quarantine import chunks_of
from registry.training.datasets.catalogue import version_dict
from registry.training.datasets.changes import LONGEST_TEXT, NewVersion
from registry.training.datasets.difference import Difference
from registry.training.datasets.intake import Wanted
from registry.training.datasets.plan import SplitPlan, plan_of
from registry.training.datasets.problems import EXAMPLE, ImportReport
from registry.training.datasets.sample import DatasetTask

router = APIRouter(prefix="/datasets", tags=["datasets"])

Name = Annotated[str, Path(max_length=63, description="the dataset's name")]
Version = Annotated[int, Path(ge=1, le=2**31 - 1, description="the version's number")]
Format = Literal["coco", "voc", "yolo", "folders"]

_VERSION: JsonDict = {
    "version": 2,
    "parent": 1,
    "note": "line 3 added",
    "sha256": "5d1c…",
    "images": 1250,
    "objects": 4031,
    "classes": ["bolt", "nut"],
    "splits": {"train": 875, "val": 187, "test": 188},
    "problems": 3,
    "size_bytes": 104857600,
    "created_by": "eve",
    "created_at": "2026-05-04T08:15:00+00:00",
    "pushed_at": None,
}
_DATASET: JsonDict = {
    "name": "bolts",
    "task": "detect",
    "description": "Bolts and nuts, line 3",
    "access_level": "authenticated",
    "owner": "eve",
    "latest_version": 2,
    "images": 1250,
    "objects": 4031,
    "classes": ["bolt", "nut"],
    "splits": {"train": 875, "val": 187, "test": 188},
    "created_at": "2026-05-04T08:15:00+00:00",
    "updated_at": "2026-05-11T09:00:00+00:00",
}


class DatasetOut(BaseModel):
    """A dataset with the figures of its newest version."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DATASET]})

    name: str
    task: DatasetTask
    description: str
    access_level: str
    owner: str
    latest_version: int
    images: int
    objects: int
    classes: list[str]
    splits: dict[str, int] = Field(description="pictures by split; those in none under an empty name")
    created_at: str
    updated_at: str


class DatasetPage(BaseModel):
    """One page of datasets."""

    items: list[DatasetOut]
    total: int
    page: int
    size: int


class DatasetVersionOut(BaseModel):
    """One version; `sha256` covers its annotations and pictures."""

    model_config = ConfigDict(json_schema_extra={"examples": [_VERSION]})

    version: int
    parent: int | None
    note: str
    sha256: str
    images: int
    objects: int
    classes: list[str]
    splits: dict[str, int]
    problems: int
    size_bytes: int
    created_by: str
    created_at: str
    pushed_at: str | None = Field(description="when it was copied to the remote")


class DatasetVersionPage(BaseModel):
    """One page of versions, newest first."""

    items: list[DatasetVersionOut]
    total: int
    page: int
    size: int


class ImportAnswer(BaseModel):
    """The dataset as it is now, the version that was made, and what was found on the way."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"dataset": _DATASET, "version": _VERSION, "report": EXAMPLE}]}
    )

    dataset: DatasetOut
    version: DatasetVersionOut
    report: ImportReport


class DatasetChange(BaseModel):
    """What to change; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"description": "Bolts and nuts, line 3"}]})

    description: Annotated[str | None, Field(max_length=LONGEST_TEXT)] = None
    access_level: AccessLevel | None = None


@router.get("", response_model=DatasetPage)
def list_datasets(
    rooms: Rooms,
    caller: Caller,
    paging: Paging,
    search: Annotated[str, Query(max_length=100, description="part of a name or description")] = "",
    task: Annotated[DatasetTask | None, Query(description="detect, segment, classify or pose")] = None,
) -> Any:
    """List the datasets the caller may use."""
    found, total = rooms.datasets.list(caller, search=search, task=task or "", number=paging[0], size=paging[1])
    return listing([each.to_dict() for each in found], total, paging)


def _asked(  # noqa: PLR0913 - the fields of the form
    *,
    name: Annotated[str, Form(max_length=63, description="a new dataset, or one of yours that gets a version")],
    task: Annotated[DatasetTask | None, Form(description="found out when it is left out")] = None,
    format: Annotated[Format | None, Form(description="found out when it is left out")] = None,  # noqa: A002
    description: Annotated[str, Form(max_length=LONGEST_TEXT)] = "",
    access_level: Annotated[AccessLevel, Form()] = "authenticated",
    note: Annotated[str, Form(max_length=LONGEST_TEXT, description="what is new in this version")] = "",
    split: Annotated[str, Form(max_length=1_000, description="a plan as JSON, to divide the samples anew")] = "",
    new_test: Annotated[bool, Form(description="take the archive's test split instead of the parent's")] = False,
) -> NewVersion:
    return NewVersion(name, Wanted(format, task), description, access_level, note, plan_of(split), new_test)


Archive = Annotated[UploadFile, File(description="a zip archive: YOLO, COCO, Pascal VOC or folders of classes")]
Asked = Annotated[NewVersion, Depends(_asked)]


_NOTHING_NEW: dict[int | str, dict[str, Any]] = {200: {"model": ImportAnswer, "description": "Nothing new was in it."}}


@router.post("", status_code=status.HTTP_201_CREATED, response_model=ImportAnswer, responses=_NOTHING_NEW)
def import_dataset(rooms: Rooms, caller: Caller, file: Archive, new: Asked, response: Response) -> Any:
    """Import an archive as a new dataset, or as the next version of one; all of it or nothing.

    What holds just what the newest version does makes no version: that one is answered, with 200.
    """
    chunks = chunks_of(file.file, rooms.live.latest().upload_max_mb)
    version, report = rooms.dataset_changes.receive(caller, chunks, new)
    summary = rooms.datasets.get(caller, new.name)
    if report.equals_version:
        response.status_code = status.HTTP_200_OK
    return {"dataset": summary.to_dict(), "version": version_dict(version), "report": report}


@router.post("/imports", status_code=status.HTTP_202_ACCEPTED, response_model=JobOut)
def start_import(request: Request, rooms: Rooms, caller: Caller, file: Archive, new: Asked) -> JSONResponse:
    """Import an archive as a job, for one that takes longer than a request should; follow it at `Location`."""
    chunks = chunks_of(file.file, rooms.live.latest().upload_max_mb)
    return accepted(request, rooms, rooms.imports.start(caller, file.filename or "", chunks, new))


@router.get("/{name}", response_model=DatasetOut)
def get_dataset(name: Name, rooms: Rooms, caller: Caller) -> Any:
    """One dataset with the figures of its newest version."""
    return rooms.datasets.get(caller, name).to_dict()


@router.put("/{name}", response_model=DatasetOut)
def update_dataset(name: Name, body: DatasetChange, rooms: Rooms, caller: Caller) -> Any:
    """Change a dataset's description or access level; what is left out stays."""
    rooms.dataset_changes.update(caller, name, **body.model_dump(exclude_none=True))
    return rooms.datasets.get(caller, name).to_dict()


@router.delete("/{name}", status_code=status.HTTP_204_NO_CONTENT, responses={409: {}})
def delete_dataset(name: Name, rooms: Rooms, caller: Caller) -> Response:
    """Remove a dataset with all its versions, unless something uses it; what was pushed to the remote stays there."""
    rooms.dataset_changes.delete(caller, name)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.get("/{name}/versions", response_model=DatasetVersionPage)
def list_dataset_versions(name: Name, rooms: Rooms, caller: Caller, paging: Paging) -> Any:
    """The versions of a dataset, newest first."""
    return cut(rooms.datasets.versions(caller, name), paging, version_dict)


@router.get("/{name}/diff", response_model=Difference)
def diff_dataset(
    name: Name,
    rooms: Rooms,
    caller: Caller,
    before: Annotated[int, Query(alias="from", ge=1, le=2**31 - 1)],
    after: Annotated[int, Query(alias="to", ge=1, le=2**31 - 1)],
) -> Any:
    """What changed from one version to another."""
    return rooms.datasets.diff(caller, name, before, after)


@router.post("/{name}/versions/{version}/split", status_code=status.HTTP_201_CREATED, response_model=DatasetVersionOut)
def split_dataset(name: Name, version: Version, body: SplitPlan, rooms: Rooms, caller: Caller) -> Any:
    """Divide a version's samples anew, as the next version; a test split that is there stays."""
    return version_dict(rooms.dataset_changes.split(caller, name, body, version))


@router.post("/{name}/versions/{version}/push", response_model=DatasetVersionOut)
def push_dataset(name: Name, version: Version, rooms: Rooms, caller: Caller) -> Any:
    """Copy a version to the remote, for other machines and as a backup."""
    return version_dict(rooms.dataset_changes.push(caller, name, version))
