"""API keys of the caller."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response, status
from pydantic import BaseModel, ConfigDict, Field

from app.api.asked import Asked
from app.api.context import Caller, Paging, Rooms, cut
from registry.access.keys import LONGEST_DAYS
from registry.access.permissions import Scope
from registry.records import ApiKey

router = APIRouter(prefix="/auth", tags=["auth"])

_KEY: dict[str, Any] = {
    "id": "5f0c1d2e3a4b5c6d7e8f90a1b2c3d4e5",
    "name": "line 3",
    "prefix": "1a2b3c4d",
    "scopes": ["predict", "read"],
    "created_at": "2026-03-01T09:00:00Z",
    "expires_at": None,
    "last_used_at": None,
}


class KeyIn(Asked):
    """A key to make."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "line 3", "scopes": ["read", "predict"], "expires_in_days": 90}]}
    )

    name: Annotated[str, Field(min_length=1, max_length=80, description="what will use it")]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=10, description="what it is for")]
    expires_in_days: Annotated[
        int | None, Field(ge=1, le=LONGEST_DAYS, description="left out: valid until it is revoked")
    ] = None


class KeyOut(BaseModel):
    """A key as it is listed: without its secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [_KEY]})

    id: str
    name: str
    prefix: str = Field(description="the key begins with nxk_ and this")
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None = Field(description="null: valid until it is revoked")
    last_used_at: datetime | None = Field(description="to the minute; null: never")


class NewKeyOut(KeyOut):
    """A key that was just made."""

    model_config = ConfigDict(json_schema_extra={"examples": [_KEY | {"key": "nxk_1a2b3c4d_…"}]})

    key: str = Field(description="shown this once")


class KeyPage(BaseModel):
    """One page of keys."""

    items: list[KeyOut]
    total: int
    page: int
    size: int


@router.post("/api-key/generate", status_code=status.HTTP_201_CREATED)
def generate_key(body: KeyIn, rooms: Rooms, caller: Caller) -> NewKeyOut:
    """Make an API key; send it as `X-API-Key` or as a bearer token."""
    made = rooms.keys.make(caller, body.name, body.scopes, body.expires_in_days)
    return NewKeyOut(**_key(made.record).model_dump(), key=made.secret)


@router.get("/api-keys", response_model=KeyPage)
def list_keys(rooms: Rooms, caller: Caller, paging: Paging) -> Any:
    """The caller's API keys, newest first."""
    return cut(rooms.keys.list(caller), paging, _key)


@router.delete("/api-key/revoke", status_code=status.HTTP_204_NO_CONTENT)
def revoke_key(
    rooms: Rooms, caller: Caller, id_: Annotated[str, Query(alias="id", max_length=32, description="the key's id")]
) -> Response:
    """End one of the caller's API keys."""
    rooms.keys.revoke(caller, id_)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


def _key(key: ApiKey) -> KeyOut:
    return KeyOut.model_validate(key, from_attributes=True)
