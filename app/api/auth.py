"""Sign-in for programs: tokens, and who one is."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response, status
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.api.context import Caller, Paging, Rooms
from registry.access import Action, require
from registry.access.keys import LONGEST_DAYS
from registry.access.permissions import Scope
from registry.records import ApiKey

router = APIRouter(prefix="/auth", tags=["auth"])


class Credentials(BaseModel):
    """A user name and its password."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"username": "ada", "password": "correct horse"}]})

    username: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[str, Field(min_length=1, max_length=128)]


class Refresh(BaseModel):
    """A refresh token."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=4_096)]


class TokenAnswer(BaseModel):
    """A new pair of tokens; `expires_in` counts seconds."""

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int


class Me(BaseModel):
    """Who one is."""

    id: str
    username: str
    email: str
    full_name: str
    role: str
    premium: bool


_CREDENTIALS_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            kind: {"schema": Credentials.model_json_schema()}
            for kind in ("application/json", "application/x-www-form-urlencoded")
        },
    }
}


@router.post("/login", openapi_extra=_CREDENTIALS_BODY)
async def login(request: Request, rooms: Rooms, caller: Caller) -> TokenAnswer:
    """Exchange a user name and password (JSON or form) for tokens."""
    given = await _credentials(request)
    user = await run_in_threadpool(rooms.accounts.prove, given.username, given.password, caller.address)
    pair = await run_in_threadpool(rooms.tokens.issue, user)
    return TokenAnswer.model_validate(pair, from_attributes=True)


@router.post("/refresh")
def refresh(body: Refresh, rooms: Rooms) -> TokenAnswer:
    """Exchange a refresh token for a new pair; each token works once."""
    return TokenAnswer.model_validate(rooms.tokens.refresh(body.refresh_token), from_attributes=True)


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT)
def logout(rooms: Rooms, caller: Caller) -> Response:
    """End every session and refresh token of the caller."""
    require(caller, Action.CHANGE_OWN_ACCOUNT)
    rooms.tokens.revoke_all(caller.id)
    rooms.sessions.end_all(caller.id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.get("/me")
def me(rooms: Rooms, caller: Caller) -> Me:
    """Who the caller is."""
    require(caller, Action.SEE_OWN_ACCOUNT)
    return Me.model_validate(rooms.accounts.get(caller.id), from_attributes=True)


class KeyIn(BaseModel):
    """A key to make."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "line 3", "scopes": ["read", "predict"]}]})

    name: Annotated[str, Field(min_length=1, max_length=80)]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=10)]
    expires_in_days: Annotated[int | None, Field(ge=1, le=LONGEST_DAYS)] = None


class KeyOut(BaseModel):
    """A key as it is listed: without its secret."""

    id: str
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class NewKeyOut(KeyOut):
    """A key that was just made; `key` is shown this once."""

    key: str


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


@router.get("/api-keys")
def list_keys(rooms: Rooms, caller: Caller, paging: Paging) -> KeyPage:
    """The caller's API keys, newest first."""
    found = rooms.keys.list(caller)
    first = (paging[0] - 1) * paging[1]
    shown = [_key(key) for key in found[first : first + paging[1]]]
    return KeyPage(items=shown, total=len(found), page=paging[0], size=paging[1])


@router.delete("/api-key/revoke", status_code=status.HTTP_204_NO_CONTENT)
def revoke_key(
    rooms: Rooms, caller: Caller, id_: Annotated[str, Query(alias="id", max_length=32, description="the key's id")]
) -> Response:
    """End one of the caller's API keys."""
    rooms.keys.revoke(caller, id_)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


def _key(key: ApiKey) -> KeyOut:
    return KeyOut.model_validate(key, from_attributes=True)


async def _credentials(request: Request) -> Credentials:
    form = request.headers.get("content-type", "").startswith(("application/x-www-form", "multipart/form-data"))
    try:
        if form:
            return Credentials.model_validate(dict(await request.form()))
        return Credentials.model_validate_json(await request.body())
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in problems]) from error
