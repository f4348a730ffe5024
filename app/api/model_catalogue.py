"""The catalogue over HTTP: what can be pulled, and pulling it."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from app.api.context import Caller, Paging, Rooms, cut
from app.api.model_uploads import UploadAnswer, accepted
from registry.models.catalogue import Trust

router = APIRouter(prefix="/models/catalogue", tags=["models"])


class OfferOut(BaseModel):
    """A model of the catalogue."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "resnet50",
                    "task": "classify",
                    "description": "ImageNet's thousand classes",
                    "licence": "BSD-3-Clause",
                    "source": "https://models.example.com/resnet50.onnx",
                    "page": "https://models.example.com/resnet50",
                    "sha256": "0c2f6a0e93b1…",
                    "size_bytes": 102148608,
                    "access_level": "authenticated",
                    "state": "absent",
                    "remote": True,
                }
            ]
        }
    )

    name: str = Field(description="the registered name it gets")
    task: str
    description: str
    licence: str
    source: str = Field(description="where its file is fetched from; a folder or package for what is here already")
    page: str = Field(description="where people read about it")
    sha256: str = Field(description="of the file, hex; empty where no public source states it")
    size_bytes: int = Field(description="of the file; 0 where it is not known")
    access_level: str
    state: Literal["present", "absent"] = Field(description="whether a model of this name is registered")
    remote: bool = Field(description="whether pulling it needs the network")


class OfferPage(BaseModel):
    """One page of the catalogue."""

    items: list[OfferOut]
    total: int
    page: int
    size: int


class PullIn(BaseModel):
    """What the caller adds to the entry."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"sha256": "0c2f6a0e93b1" + "0" * 52}]})

    sha256: Annotated[str, Field(max_length=64, description="of the file, for an entry that states none")] = ""
    trust_first_download: Annotated[bool, Field(description="take what comes for an entry that states none")] = False


@router.get("", response_model=OfferPage)
def list_catalogue(rooms: Rooms, caller: Caller, paging: Paging) -> Any:
    """The models that can be pulled, and which are here already."""
    return cut(rooms.catalogue.offers(caller), paging, lambda offer: offer.to_dict())


@router.post("/{name}/pull", status_code=202, response_model=UploadAnswer)
def pull_model(
    name: Annotated[str, Path(max_length=63, description="the entry's name")],
    request: Request,
    rooms: Rooms,
    caller: Caller,
    body: PullIn | None = None,
) -> JSONResponse:
    """Fetch a model of the catalogue, verify it and take it in after this answer; follow it at `Location`."""
    given = body or PullIn()
    upload = rooms.catalogue.pull(caller, name, Trust(given.sha256, given.trust_first_download))
    return accepted(request, upload)
