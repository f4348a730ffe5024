"""Enrolled faces and objects."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Query, UploadFile
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from app.api.asked import no_unknown_fields
from app.api.context import Caller, Paging, Rooms, cut, listing
from app.api.inference import TIMING, ImageSize, UsedModel, read_image
from registry.models.gallery import DEFAULT, Embedder
from registry.records import GalleryEntry

router = APIRouter(prefix="/inference", tags=["inference"])

Image = Annotated[UploadFile, File(description="a JPEG, PNG, WebP, BMP or TIFF image of one face or object")]
Model = Annotated[str, Form(max_length=63, description="a registered model of task embed")]
Version = Annotated[int | None, Form(ge=1, le=2**31)]
Alias = Annotated[str | None, Form(max_length=31)]
Named = Annotated[str, Form(max_length=63, description="which of your galleries")]

_ENTRY: JsonDict = {
    "id": "4f1b4c8f0f5e4a0db8a1c2d3e4f50617",
    "gallery": "staff",
    "label": "Ada",
    "model": {"name": "faces", "version": 2, "sha256": "9f2c…"},
    "created_at": "2026-05-04T08:15:00+00:00",
}


class EnrolledWith(BaseModel):
    """The version that made the vector; only pictures seen by the same one are compared with it."""

    name: str
    version: int
    sha256: str


class EntryOut(BaseModel):
    """One enrolled picture; its vector stays in the database."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ENTRY]})

    id: str
    gallery: str
    label: str
    model: EnrolledWith
    created_at: str


class EntryPage(BaseModel):
    """A page of entries."""

    items: list[EntryOut]
    total: int
    page: int
    size: int


class MatchOut(BaseModel):
    """An entry and how similar the picture is to it."""

    id: str
    label: str
    score: float = Field(description="cosine similarity, -1 to 1")


class IdentifyAnswer(BaseModel):
    """The entries most similar to the picture, best first; none where nothing is enrolled with this version."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": {"name": "faces", "version": 2, "task": "embed", "sha256": "9f2c…"},
                    "image": {"width": 640, "height": 480},
                    "matches": [{"id": "4f1b4c8f0f5e4a0db8a1c2d3e4f50617", "label": "Ada", "score": 0.83}],
                    "timing_ms": TIMING,
                }
            ]
        }
    )

    model: UsedModel
    image: ImageSize
    matches: list[MatchOut]
    timing_ms: dict[str, float]


class GalleryOut(BaseModel):
    """What is in one of your galleries."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"gallery": "staff", "labels": 12, "entries": 41}]})

    gallery: str
    labels: int = Field(description="different labels")
    entries: int = Field(description="enrolled pictures")


class GalleryPage(BaseModel):
    """One page of your galleries."""

    items: list[GalleryOut]
    total: int
    page: int
    size: int


class Forgotten(BaseModel):
    """How many entries were deleted."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"deleted": 3}]})

    deleted: int


@router.post("/enrol", status_code=201, responses={404: {}, 504: {}}, dependencies=[Depends(no_unknown_fields)])
async def enrol(  # noqa: PLR0913 - the fields of the form
    *,
    rooms: Rooms,
    caller: Caller,
    file: Image,
    model: Model,
    label: Annotated[str, Form(max_length=120, description="who or what it is")],
    gallery: Named = DEFAULT,
    version: Version = None,
    alias: Alias = None,
) -> EntryOut:
    """Keep the vector of a picture under a label in one of your galleries; the picture is not kept."""
    image = await read_image(file, rooms.live.latest().image_max_mb)
    embedder = Embedder(model, version, alias)
    return _shown(await run_in_threadpool(rooms.gallery.enrol, caller, image, embedder, label, gallery))


@router.post(
    "/identify",
    response_model=IdentifyAnswer,
    responses={404: {}, 504: {}},
    dependencies=[Depends(no_unknown_fields)],
)
async def identify(  # noqa: PLR0913 - the fields of the form
    *,
    rooms: Rooms,
    caller: Caller,
    file: Image,
    model: Model,
    gallery: Named = DEFAULT,
    version: Version = None,
    alias: Alias = None,
    most: Annotated[int, Form(ge=1, le=100, description="at most so many matches")] = 5,
    least_score: Annotated[float, Form(ge=-1, le=1, description="leave out what is less similar")] = 0.0,
) -> dict[str, Any]:
    """Say which entries of one of your galleries a picture is most similar to."""
    image = await read_image(file, rooms.live.latest().image_max_mb)
    embedder = Embedder(model, version, alias)
    found = await run_in_threadpool(
        rooms.gallery.identify, caller, image, embedder, gallery, most=most, least_score=least_score
    )
    matches = [{"id": each.entry.id, "label": each.entry.label, "score": each.score} for each in found.matches]
    return found.answer.to_dict() | {"matches": matches}


@router.get("/gallery")
def entries(
    rooms: Rooms,
    caller: Caller,
    paging: Paging,
    gallery: Annotated[str, Query(max_length=63, description="which of your galleries")] = DEFAULT,
) -> EntryPage:
    """Your entries in one gallery, newest first."""
    found, total = rooms.gallery.entries(caller, gallery, number=paging[0], size=paging[1])
    return EntryPage.model_validate(listing([_shown(entry).model_dump() for entry in found], total, paging))


@router.delete("/gallery/{entry_id}", status_code=204)
def forget(rooms: Rooms, caller: Caller, entry_id: str) -> None:
    """Delete one of your entries with its vector."""
    rooms.gallery.forget(caller, entry_id)


@router.get("/galleries", response_model=GalleryPage)
def galleries(rooms: Rooms, caller: Caller, paging: Paging) -> Any:
    """Your galleries by name."""
    return cut(rooms.gallery.galleries(caller), paging, asdict)


@router.delete("/gallery", responses={404: {}})
def forget_label(
    rooms: Rooms,
    caller: Caller,
    label: Annotated[str, Query(max_length=120, description="who or what it is")],
    gallery: Annotated[str, Query(max_length=63, description="which of your galleries")] = DEFAULT,
) -> Forgotten:
    """Delete all your entries of one label in one gallery."""
    return Forgotten(deleted=rooms.gallery.forget_label(caller, label, gallery))


def _shown(entry: GalleryEntry) -> EntryOut:
    return EntryOut(
        id=entry.id,
        gallery=entry.gallery,
        label=entry.label,
        model=EnrolledWith(name=entry.model_name, version=entry.model_version, sha256=entry.model_sha256),
        created_at=entry.created_at.isoformat(),
    )
