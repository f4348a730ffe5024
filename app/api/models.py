"""The models one may use, their versions and aliases."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from app.api.context import Caller, Paging, Rooms, listing
from registry.models.types import version_dict

router = APIRouter(prefix="/models", tags=["models"])

ModelId = Annotated[str, Path(max_length=63, description="the registered name")]


class ModelOut(BaseModel):
    """A registered model."""

    id: str
    name: str
    task: str
    description: str
    access_level: str
    owner: str
    created_at: str
    updated_at: str
    latest_version: int
    aliases: dict[str, int]


class ModelPage(BaseModel):
    """One page of models."""

    items: list[ModelOut]
    total: int
    page: int
    size: int


class VersionOut(BaseModel):
    """One version with its card."""

    version: int
    sha256: str
    files: dict[str, str]
    size_bytes: int
    aliases: list[str]
    created_at: str
    run_id: str
    published_by: str
    card: dict[str, Any]


class ModelDetail(ModelOut):
    """A registered model with its versions, newest first."""

    versions: list[VersionOut]


class VersionPage(BaseModel):
    """One page of versions."""

    items: list[VersionOut]
    total: int
    page: int
    size: int


class AliasIn(BaseModel):
    """The version an alias shall name."""

    version: Annotated[int, Field(ge=1, le=2**31)]


@router.get("", response_model=ModelPage)
def list_models(
    rooms: Rooms,
    caller: Caller,
    paging: Paging,
    search: Annotated[str, Query(max_length=100, description="part of a name or description")] = "",
    task: Annotated[str, Query(max_length=32, description="detect, classify, ocr, …")] = "",
) -> Any:
    """List the models the caller may use."""
    found, total = rooms.models.list(caller, search=search, task=task, number=paging[0], size=paging[1])
    return listing([model.to_dict() for model in found], total, paging)


@router.get("/{model_id}", response_model=ModelDetail)
def get_model(model_id: ModelId, rooms: Rooms, caller: Caller) -> Any:
    """One model with its versions."""
    model = rooms.models.get(caller, model_id)
    return model.to_dict() | {"versions": [version_dict(each) for each in rooms.models.versions(caller, model_id)]}


@router.get("/{model_id}/versions", response_model=VersionPage)
def list_versions(model_id: ModelId, rooms: Rooms, caller: Caller, paging: Paging) -> Any:
    """The versions of a model, newest first."""
    found = rooms.models.versions(caller, model_id)
    first = (paging[0] - 1) * paging[1]
    return listing([version_dict(each) for each in found[first : first + paging[1]]], len(found), paging)


@router.put("/{model_id}/aliases/{alias}", response_model=ModelOut)
def move_alias(
    model_id: ModelId, alias: Annotated[str, Path(max_length=31)], body: AliasIn, rooms: Rooms, caller: Caller
) -> Any:
    """Let an alias name another version; `champion` is the one that is served by default."""
    rooms.models.set_alias(caller, model_id, alias, body.version)
    return rooms.models.get(caller, model_id).to_dict()
