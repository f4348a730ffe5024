"""The aliases of a model: where each points, where it has been, and its moves."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response, status
from pydantic import BaseModel, ConfigDict, Field

from app.api.asked import Asked
from app.api.context import Caller, Rooms
from app.api.models import ModelId, ModelOut
from registry.models.promotion import moves, rollback

router = APIRouter(prefix="/models/{model_id}/aliases", tags=["models"])

Alias = Annotated[str, Path(max_length=31, description="champion, challenger, or one of your own")]


class AliasIn(Asked):
    """The version an alias shall name."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"version": 2}]})

    version: Annotated[int, Field(ge=1, le=2**31, strict=True)]


class MoveOut(BaseModel):
    """One move of an alias."""

    before: Annotated[int | None, Field(alias="from", description="null for the first move")]
    after: Annotated[int | None, Field(alias="to", description="null where the alias was removed")]
    by: str
    at: str


class AliasHistory(BaseModel):
    """Where an alias points, and its moves, newest first. What MLflow's own interface moved is not in them."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "alias": "champion",
                    "version": 2,
                    "moves": [
                        {"from": 1, "to": 2, "by": "eve", "at": "2026-05-11T09:12:00+00:00"},
                        {"from": None, "to": 1, "by": "eve", "at": "2026-05-04T08:15:00+00:00"},
                    ],
                }
            ]
        }
    )

    alias: str
    version: int | None
    moves: list[MoveOut]


@router.get("/{alias}", response_model=AliasHistory)
def get_alias(model_id: ModelId, alias: Alias, rooms: Rooms, caller: Caller) -> Any:
    """Where an alias points, who moved it, and when."""
    model = rooms.models.get(caller, model_id)
    told = [move.to_dict() for move in moves(rooms.models, caller, model_id, alias)]
    return {"alias": alias, "version": model.aliases.get(alias), "moves": told}


@router.put("/{alias}", response_model=ModelOut)
def move_alias(model_id: ModelId, alias: Alias, body: AliasIn, rooms: Rooms, caller: Caller) -> Any:
    """Let an alias name another version, once that has been loaded and tried; `champion` is served by default."""
    rooms.serving.move_alias(caller, model_id, alias, body.version)
    return rooms.models.get(caller, model_id).to_dict()


@router.post("/{alias}/rollback", response_model=ModelOut)
def roll_back(model_id: ModelId, alias: Alias, rooms: Rooms, caller: Caller) -> Any:
    """Let an alias name the version it named before, once that has been loaded and tried."""
    rollback(rooms.models, caller, model_id, alias=alias, move=rooms.serving.move_alias)
    return rooms.models.get(caller, model_id).to_dict()


@router.delete("/{alias}", status_code=status.HTTP_204_NO_CONTENT)
def remove_alias(model_id: ModelId, alias: Alias, rooms: Rooms, caller: Caller) -> Response:
    """Take an alias away; the version stays."""
    rooms.model_changes.remove_alias(caller, model_id, alias)
    return Response(status_code=status.HTTP_204_NO_CONTENT)
