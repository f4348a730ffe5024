"""Batches and the jobs they become."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, File, Form, Path, Query, Request, UploadFile
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from app.api.asked import no_unknown_fields
from app.api.byte_ranges import asks_for_part, ranged
from app.api.context import Caller, Paging, Rooms, listing
from registry.errors import InvalidInput
from registry.jobs.batch_inputs import Upload
from registry.jobs.batches import Asked
from registry.models.quarantine import chunks_of
from registry.models.thresholds import Thresholds
from registry.records import Job
from registry.runtime.card import Share

router = APIRouter(prefix="/inference", tags=["jobs"])
MOST_FILES = 100
_TYPES = {
    "csv": "text/csv",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "mp4": "video/mp4",
    "parquet": "application/vnd.apache.parquet",
    "png": "image/png",
    "zip": "application/zip",
}
JobId = Annotated[str, Path(max_length=64)]


class JobError(BaseModel):
    """Why a job failed; the shape of every error."""

    code: str
    message: str
    hint: str
    details: dict[str, Any]


class JobLinks(BaseModel):
    """Where a job is found in the other interfaces."""

    prefect: str | None
    mlflow: str | None


class JobOut(BaseModel):
    """A piece of background work."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "4d98de74c2144900",
                    "kind": "batch",
                    "state": "running",
                    "progress": 0.29,
                    "done": 29,
                    "total": 100,
                    "stage": "looking at the images",
                    "seconds_left": 4.1,
                    "waiting_for": "",
                    "cancelling": False,
                    "may_be_retried": False,
                    "owner": "ada",
                    "parameters": {"model": "digit-detector", "version": 1, "source": "upload", "annotate": False},
                    "attempts": 1,
                    "created_at": "2026-11-27T20:17:01Z",
                    "started_at": "2026-11-27T20:17:06Z",
                    "finished_at": None,
                    "result": None,
                    "error": None,
                    "links": {"prefect": "/prefect/v2/runs/flow-run/0f4c", "mlflow": None},
                }
            ]
        }
    )

    id: str
    kind: str
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    progress: float = Field(description="0 to 1")
    done: int
    total: int
    stage: str = Field(description="what it is doing, in words")
    seconds_left: float | None = Field(description="what its pace lets expect")
    waiting_for: str = Field(description="why a queued job does not run yet")
    cancelling: bool = Field(description="somebody cancelled it, and it is about to stop")
    may_be_retried: bool = Field(description="it has failed, and what it needs to run again is still kept")
    owner: str
    parameters: dict[str, Any]
    attempts: int = Field(description="runs that began; more than one where a process died")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    result: dict[str, Any] | None = Field(
        description="counts and `files` with links; for a batch the images that could not be read under `failed`, "
        "for a video its `tracks`, `zones`, `lines`, and `notes` such as that the file is cut short, "
        "for a training `figures` on the test split and the new version under `model`"
    )
    error: JobError | None
    links: JobLinks


class JobPage(BaseModel):
    """One page of jobs, newest first."""

    items: list[JobOut]
    total: int
    page: int
    size: int


@router.post(
    "/batch",
    status_code=202,
    response_model=JobOut,
    responses={404: {}},
    dependencies=[Depends(no_unknown_fields)],
)
def start_batch(  # noqa: PLR0913 - the fields of the form
    *,
    request: Request,
    rooms: Rooms,
    caller: Caller,
    model: Annotated[str, Form(max_length=63, description="the registered name")],
    files: Annotated[
        list[UploadFile] | None, File(description="up to 100 images, or zip archives of any number of images")
    ] = None,
    folder: Annotated[
        str,
        Form(
            max_length=1_000,
            description="instead of files: a folder on the server, or s3://bucket/prefix, that batches may read",
        ),
    ] = "",
    dataset: Annotated[
        str, Form(max_length=80, description="instead of files: a dataset as name (its newest version) or name/version")
    ] = "",
    version: Annotated[int | None, Form(ge=1, le=2**31)] = None,
    alias: Annotated[str | None, Form(max_length=31)] = None,
    confidence: Annotated[Share | None, Form()] = None,
    iou: Annotated[Share | None, Form()] = None,
    max_detections: Annotated[int | None, Form(ge=1, le=3_000)] = None,
    annotate: Annotated[bool, Form(description="also make the pictures with the answers drawn on them")] = False,
) -> JSONResponse:
    """Run a model on many images beside the requests; follow the job at `Location`.

    The same images asked for in the same way are the same job, unless that failed or was cancelled.
    """
    asked = Asked(model, version, alias, Thresholds(confidence, iou, max_detections), annotate)
    if [bool(files), bool(folder), bool(dataset)].count(True) != 1:
        raise InvalidInput("send either files or the name of a folder or of a dataset", details={"field": "files"})
    if dataset:
        job = rooms.batches.start_dataset(caller, asked, dataset)
    elif folder:
        job = rooms.batches.start_folder(caller, asked, folder)
    else:
        job = rooms.batches.start_uploads(caller, asked, _uploads(files or [], rooms.live.latest().upload_max_mb))
    return accepted(request, rooms, job)


def accepted(request: Request, rooms: Rooms, job: Job) -> JSONResponse:
    """The answer about a job that was started: 202, and where to follow it."""
    where = f"{request.scope.get('root_path', '')}/inference/jobs/{job.id}"
    out = JobOut.model_validate(rooms.jobs.to_dict(job)).model_dump(mode="json")
    return JSONResponse(out, 202, {"location": where})


@router.get("/jobs", response_model=JobPage)
def list_jobs(
    rooms: Rooms,
    caller: Caller,
    paging: Paging,
    kind: Annotated[str, Query(max_length=64, description="only this kind, such as batch")] = "",
    state: Annotated[
        Literal["", "queued", "running", "succeeded", "failed", "cancelled"], Query(description="only this state")
    ] = "",
    owner: Annotated[
        str, Query(max_length=64, description="a part of the owner's name, for who sees others' jobs")
    ] = "",
    search: Annotated[
        str,
        Query(max_length=100, description="the beginning of an id, or a part of a model's, dataset's or file's name"),
    ] = "",
) -> Any:
    """Your jobs, newest first; administrators see everybody's."""
    wanted = {"kind": kind, "state": state, "owner": owner, "search": search}
    found, total = rooms.jobs.page(caller, **wanted, number=paging[0], size=paging[1])
    runner = rooms.jobs.runner()
    return listing([rooms.jobs.to_dict(job, runner) for job in found], total, paging)


@router.get("/jobs/{job_id}", response_model=JobOut)
def get_job(job_id: JobId, rooms: Rooms, caller: Caller) -> Any:
    """How far a job of yours is, and what came of it."""
    return rooms.jobs.to_dict(rooms.jobs.get(caller, job_id))


@router.delete("/jobs/{job_id}", response_model=JobOut, responses={409: {}})
def cancel_job(job_id: JobId, rooms: Rooms, caller: Caller) -> Any:
    """Cancel a job: it stops within seconds and keeps what is finished."""
    return rooms.jobs.to_dict(rooms.jobs.cancel(caller, job_id))


@router.post("/jobs/{job_id}/retry", status_code=202, response_model=JobOut, responses={409: {}})
def retry_job(job_id: JobId, rooms: Rooms, caller: Caller) -> Any:
    """Run a job again that has failed: it goes on from what it had finished."""
    return rooms.jobs.to_dict(rooms.jobs.retry(caller, job_id))


@router.get(
    "/jobs/{job_id}/results/{name}",
    response_class=StreamingResponse,
    responses={200: {"content": {kind: {} for kind in _TYPES.values()}, "description": "The file."}, 206: {}, 416: {}},
)
def get_result(
    request: Request, job_id: JobId, name: Annotated[str, Path(max_length=100)], rooms: Rooms, caller: Caller
) -> Response:
    """One of the files that a job made, or the part of it that a `Range` header names."""
    part = request.headers.get("range")
    if asks_for_part(part):
        file = rooms.jobs.open_result_in_parts(caller, job_id, name)
    else:
        file, _ = rooms.jobs.open_result(caller, job_id, name)
    kind = _TYPES.get(name.rpartition(".")[2], "application/octet-stream")
    return ranged(file, part, kind, name, "attachment")


def _uploads(files: list[UploadFile], most_mb: int) -> list[Upload]:
    if len(files) > MOST_FILES:
        raise InvalidInput(
            f"{len(files)} files were sent, at most {MOST_FILES} are taken at once",
            hint="Send them as one zip archive.",
            details={"field": "files"},
        )
    return [Upload(each.filename or "", chunks_of(each.file, most_mb)) for each in files]
