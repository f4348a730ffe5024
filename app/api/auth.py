"""Signing in and out for programs, and making oneself an account."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request, Response, status
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.api.asked import Asked, refused_body
from app.api.context import Caller, Rooms
from app.api.proofs import proving
from registry.access.tokens import TokenPair

router = APIRouter(prefix="/auth", tags=["auth"])

_ID = "5f0c1d2e3a4b5c6d7e8f90a1b2c3d4e5"


class Credentials(BaseModel):
    """A user name and its password."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"username": "ada", "password": "correct horse"}]})

    username: Annotated[str, Field(min_length=1, max_length=64, description="in any case")]
    password: Annotated[str, Field(min_length=1, max_length=128)]


class Registration(Asked):
    """An account to make for oneself."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"username": "ada", "password": "correct horse", "email": "ada@example.com", "full_name": ""}]
        }
    )

    username: Annotated[str, Field(min_length=1, max_length=64, description="how you will sign in")]
    password: Annotated[str, Field(min_length=1, max_length=128, description="at least 8 characters")]
    email: Annotated[str, Field(max_length=254, description="may be empty")] = ""
    full_name: Annotated[str, Field(max_length=120, description="may be empty")] = ""


class Registered(BaseModel):
    """An account that was just made; sign in with POST /auth/login."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"id": _ID, "username": "ada", "role": "user", "state": "pending"}]}
    )

    id: str
    username: str
    role: str
    state: str = Field(description="`active`, or `pending` until an administrator has approved it")


class Refresh(Asked):
    """A refresh token."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"refresh_token": "kq0s…"}]})

    refresh_token: Annotated[str, Field(min_length=1, max_length=4_096, description="works once")]


class Logout(Asked):
    """What to end; nothing given ends the sign-in that asks."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"everywhere": True}]})

    everywhere: bool = Field(default=False, description="end every session and token of yours")


class TokenAnswer(BaseModel):
    """A new pair of tokens."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"access_token": "eyJ…", "refresh_token": "kq0s…", "token_type": "bearer", "expires_in": 900}]
        }
    )

    access_token: str = Field(description="send it as `Authorization: Bearer …`")
    refresh_token: str = Field(description="for POST /auth/refresh, once")
    token_type: str
    expires_in: int = Field(description="seconds the access token is valid")


_CREDENTIALS_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            kind: {"schema": Credentials.model_json_schema()}
            for kind in ("application/json", "application/x-www-form-urlencoded")
        },
    }
}


@router.post("/register", status_code=status.HTTP_201_CREATED, responses={403: {}})
async def register(body: Registration, request: Request, rooms: Rooms, caller: Caller) -> Registered:
    """Make oneself an account, where registration is open."""
    given = body.model_dump()
    user = await proving(request, lambda: rooms.accounts.register(**given, address=caller.address))
    return Registered(id=user.id, username=user.username, role=user.role, state="active" if user.active else "pending")


@router.post("/login", openapi_extra=_CREDENTIALS_BODY, responses={403: {}})
async def login(request: Request, rooms: Rooms, caller: Caller) -> TokenAnswer:
    """Exchange a user name and password (JSON or form) for tokens."""
    given = await _credentials(request)
    browser, agent = getattr(request.state, "browser", ""), request.headers.get("user-agent", "")

    def sign_in() -> TokenPair:
        user = rooms.accounts.prove(given.username, given.password, caller.address, browser=browser)
        return rooms.tokens.issue(user, address=caller.address, user_agent=agent)

    return TokenAnswer.model_validate(await proving(request, sign_in), from_attributes=True)


@router.post("/refresh")
def refresh(body: Refresh, request: Request, rooms: Rooms, caller: Caller) -> TokenAnswer:
    """Exchange a refresh token for a new pair; each token works once."""
    agent = request.headers.get("user-agent", "")
    pair = rooms.tokens.refresh(body.refresh_token, address=caller.address, user_agent=agent)
    return TokenAnswer.model_validate(pair, from_attributes=True)


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT)
def logout(
    *,
    rooms: Rooms,
    caller: Caller,
    body: Annotated[Logout | None, Body()] = None,
    everywhere: Annotated[bool, Query(description="end every session and token of yours")] = False,
) -> Response:
    """End the sign-in that asks: a token's whole family, or the browser's session."""
    if everywhere or (body is not None and body.everywhere):
        rooms.sign_ins.end_all(caller)
    else:
        rooms.sign_ins.end_current(caller)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


async def _credentials(request: Request) -> Credentials:
    form = request.headers.get("content-type", "").startswith(("application/x-www-form", "multipart/form-data"))
    try:
        if form:
            return Credentials.model_validate(dict(await request.form()))
        return Credentials.model_validate_json(await request.body())
    except ValidationError as error:
        raise refused_body(error) from error
