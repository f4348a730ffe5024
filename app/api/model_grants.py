"""Whom a model was granted to."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict

from app.api.context import Caller, Paging, Rooms, cut
from app.api.models import ModelId, ModelOut

router = APIRouter(prefix="/models/{model_id}", tags=["models"])


class GrantOut(BaseModel):
    """Somebody who may use the model whatever its access level; the name is empty when the account is gone."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user_id": "6a1f4c0d9e2b47f5a1c3d5e7f9b0a2c4", "username": "bob"}]}
    )

    user_id: str
    username: str


class GrantPage(BaseModel):
    """One page of those a model was granted to, by name."""

    items: list[GrantOut]
    total: int
    page: int
    size: int


@router.get("/grants", response_model=GrantPage)
def list_grants(model_id: ModelId, rooms: Rooms, caller: Caller, paging: Paging) -> Any:
    """Whom a model was granted to; for those who may change it."""
    return cut(rooms.model_changes.grants(caller, model_id), paging, lambda grant: grant.to_dict())


@router.post("/grant-access/{user_id}", response_model=ModelOut)
def grant_access(
    model_id: ModelId,
    user_id: Annotated[str, Path(max_length=64, description="the user's id or name")],
    rooms: Rooms,
    caller: Caller,
) -> Any:
    """Let a user see and use a model whatever its access level."""
    return rooms.model_changes.grant(caller, model_id, user_id).to_dict()


@router.delete("/revoke-access/{user_id}", response_model=ModelOut)
def revoke_access(
    model_id: ModelId,
    user_id: Annotated[str, Path(max_length=64, description="the user's id")],
    rooms: Rooms,
    caller: Caller,
) -> Any:
    """Take a grant back."""
    return rooms.model_changes.revoke(caller, model_id, user_id).to_dict()
