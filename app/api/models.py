"""The models one may use, and their versions."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response, status
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from app.api.asked import Asked
from app.api.context import Caller, Paging, Rooms, cut, listing
from registry.mlflow_file import AccessLevel
from registry.models.intake_report import intake_report
from registry.models.registering import register
from registry.models.stated import LONGEST_DESCRIPTION
from registry.models.types import version_dict
from registry.runtime.card import Task

router = APIRouter(prefix="/models", tags=["models"])

ModelId = Annotated[str, Path(max_length=63, description="the registered name")]
Version = Annotated[int, Path(ge=1, le=2**31, description="the version's number")]

_MODEL: JsonDict = {
    "id": "parts-detector",
    "name": "parts-detector",
    "task": "detect",
    "description": "Parts on line 3",
    "access_level": "private",
    "owner": "eve",
    "created_at": "2026-05-04T08:15:00+00:00",
    "updated_at": "2026-05-11T09:00:00+00:00",
    "latest_version": 2,
    "aliases": {"champion": 1, "challenger": 2},
    "metrics": {"mAP50": 0.976, "mAP50-95": 0.892},
    "archived": False,
}
_VERSION: JsonDict = {
    "version": 2,
    "sha256": "9f2c…",
    "files": {"model.onnx": "9f2c…"},
    "size_bytes": 10905412,
    "aliases": ["challenger"],
    "created_at": "2026-05-11T09:00:00+00:00",
    "run_id": "0b7f4c0d9e2b47f5a1c3d5e7f9b0a2c4",
    "published_by": "eve",
    "card": {"task": "detect", "class_names": ["bolt", "nut"], "licence": "Apache-2.0"},
    "lineage": {
        "run_id": "0b7f4c0d9e2b47f5a1c3d5e7f9b0a2c4",
        "dataset": "bolts/2",
        "git_commit": "",
        "source": "training",
        "parent": "parts-detector/1",
    },
}


class ModelOut(BaseModel):
    """A registered model."""

    model_config = ConfigDict(json_schema_extra={"examples": [_MODEL]})

    id: str
    name: str
    task: str
    description: str
    access_level: str
    owner: str
    created_at: str
    updated_at: str
    latest_version: int = Field(description="0 as long as there is none")
    aliases: dict[str, int]
    metrics: dict[str, float] = Field(description="figures of the newest version")
    archived: bool


class ModelPage(BaseModel):
    """One page of models."""

    items: list[ModelOut]
    total: int
    page: int
    size: int


class Lineage(BaseModel):
    """Where a version comes from; empty texts for what its publisher did not say."""

    run_id: str = Field(description="MLflow's run")
    dataset: str = Field(description="name and version of the data it was trained on")
    git_commit: str
    source: str
    parent: str = Field(description="the version it was made from, as name/version")


class VersionOut(BaseModel):
    """One version with its card."""

    model_config = ConfigDict(json_schema_extra={"examples": [_VERSION]})

    version: int
    sha256: str
    files: dict[str, str]
    size_bytes: int
    aliases: list[str]
    created_at: str
    run_id: str
    published_by: str
    card: dict[str, Any]
    lineage: Lineage


class VersionDetail(VersionOut):
    """One version with the report of its way in; null for what did not come in as a file."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_VERSION, "intake": None}]})

    intake: dict[str, Any] | None


class DamagedOut(BaseModel):
    """A version that is not what was registered, and what is wrong with it."""

    version: int
    detail: str


class StrayOut(BaseModel):
    """An alias that is answered with another version than it names."""

    alias: str
    named: int = Field(description="the version that MLflow has under the alias")
    answers: int = Field(description="the version that answers in its place")
    problem: str = Field(description="why the named version cannot be served")


class ModelDetail(ModelOut):
    """A registered model with its versions, newest first; `damaged` are those that are not what was registered."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_MODEL, "versions": [_VERSION], "damaged": [], "strays": []}]}
    )

    versions: list[VersionOut]
    damaged: list[DamagedOut]
    strays: list[StrayOut] = Field(description="aliases that this server answers with another version than they name")


class VersionPage(BaseModel):
    """One page of versions."""

    items: list[VersionOut]
    total: int
    page: int
    size: int


class ModelIn(Asked):
    """A model that has no version yet."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "parts-detector",
                    "task": "detect",
                    "description": "Parts on line 3",
                    "access_level": "private",
                }
            ]
        }
    )

    name: Annotated[str, Field(max_length=63)]
    task: Annotated[Task | None, Field(description="its versions have to answer it; null takes the first's")] = None
    description: Annotated[str, Field(max_length=LONGEST_DESCRIPTION)] = ""
    access_level: AccessLevel = "authenticated"


class ModelChange(Asked):
    """What to change; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"description": "Digits on labels, line 3"}]})

    description: Annotated[str | None, Field(max_length=LONGEST_DESCRIPTION)] = None
    access_level: AccessLevel | None = None
    archived: Annotated[bool | None, Field(description="an archived model answers nothing and takes no version")] = None


class Wanted(BaseModel):
    """Which models of a list are meant."""

    search: Annotated[str, Field(max_length=100, description="part of a name or description")] = ""
    task: Annotated[Task | None, Field(description="what they answer")] = None
    access_level: Annotated[AccessLevel | None, Field(description="whom they let in")] = None
    owner: Annotated[str, Field(max_length=64, description="the owner's name")] = ""
    archived: Annotated[bool, Field(description="those that are archived, not those that are not")] = False


@router.post("", response_model=ModelOut, status_code=status.HTTP_201_CREATED)
def register_model(body: ModelIn, request: Request, response: Response, rooms: Rooms, caller: Caller) -> Any:
    """Register a model that has no version yet: share and describe it now, publish to it later."""
    made = register(rooms.models, caller, **body.model_dump(exclude_none=True))
    response.headers["location"] = f"{request.scope.get('root_path', '')}/models/{made.name}"
    return made.to_dict()


@router.get("", response_model=ModelPage)
def list_models(rooms: Rooms, caller: Caller, paging: Paging, wanted: Annotated[Wanted, Depends()]) -> Any:
    """List the models the caller may use."""
    found, total = rooms.models.list(caller, **wanted.model_dump(exclude_none=True), number=paging[0], size=paging[1])
    return listing([model.to_dict() for model in found], total, paging)


@router.get("/{model_id}", response_model=ModelDetail)
def get_model(model_id: ModelId, rooms: Rooms, caller: Caller) -> Any:
    """One model with its versions."""
    model = rooms.models.get(caller, model_id)
    found = rooms.models.survey(caller, model_id)
    return model.to_dict() | {
        "versions": [version_dict(each) for each in found.versions],
        "damaged": [each.to_dict() for each in found.damaged],
        "strays": [each.to_dict() for each in rooms.serving.strays(model)],
    }


@router.get("/{model_id}/versions", response_model=VersionPage)
def list_versions(model_id: ModelId, rooms: Rooms, caller: Caller, paging: Paging) -> Any:
    """The versions of a model, newest first."""
    return cut(rooms.models.versions(caller, model_id), paging, version_dict)


@router.get("/{model_id}/versions/{version}", response_model=VersionDetail)
def get_version(model_id: ModelId, version: Version, rooms: Rooms, caller: Caller) -> Any:
    """One version with its lineage and the report of its way in."""
    found = rooms.models.version(caller, model_id, version)
    return version_dict(found) | {"intake": intake_report(rooms.models, found)}


@router.put("/{model_id}", response_model=ModelOut)
def update_model(model_id: ModelId, body: ModelChange, rooms: Rooms, caller: Caller) -> Any:
    """Change a model's description or access level, or take it out of use; what is left out stays."""
    if body.archived is not None:
        rooms.model_changes.archive(caller, model_id, archived=body.archived)
    return rooms.model_changes.update(
        caller, model_id, **body.model_dump(exclude_none=True, exclude={"archived"})
    ).to_dict()


@router.delete("/{model_id}", status_code=status.HTTP_204_NO_CONTENT)
def delete_model(model_id: ModelId, rooms: Rooms, caller: Caller) -> Response:
    """Remove a model with all its versions; refused while something uses it."""
    rooms.model_changes.delete(caller, model_id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.delete("/{model_id}/versions/{version}", status_code=status.HTTP_204_NO_CONTENT)
def delete_version(model_id: ModelId, version: Version, rooms: Rooms, caller: Caller) -> Response:
    """Remove one version; refused while an alias names it."""
    rooms.model_changes.delete_version(caller, model_id, version)
    return Response(status_code=status.HTTP_204_NO_CONTENT)
