"""One's own account: profile and password."""

from typing import Annotated

from fastapi import APIRouter, Request, Response, status
from pydantic import BaseModel, ConfigDict, Field

from app.api.asked import Asked
from app.api.context import Caller, Rooms
from app.api.proofs import proving
from registry.access import Action, require

router = APIRouter(prefix="/auth", tags=["auth"])


class Me(BaseModel):
    """Who one is."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "5f0c1d2e3a4b5c6d7e8f90a1b2c3d4e5",
                    "username": "ada",
                    "email": "ada@example.com",
                    "full_name": "Ada Lovelace",
                    "role": "engineer",
                    "premium": False,
                }
            ]
        }
    )

    id: str
    username: str
    email: str = Field(description="empty if there is none")
    full_name: str = Field(description="empty if there is none")
    role: str
    premium: bool = Field(description="may use models of the access level premium")


class ProfileIn(Asked):
    """What to change; what is left out stays."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "ada@example.com", "full_name": "Ada Lovelace"}]}
    )

    email: Annotated[str | None, Field(max_length=254, description="may be empty")] = None
    full_name: Annotated[str | None, Field(max_length=120, description="may be empty")] = None


class PasswordIn(Asked):
    """The password one has and the one to have."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"current_password": "correct horse", "new_password": "battery staple"}]}
    )

    current_password: Annotated[str, Field(min_length=1, max_length=128)]
    new_password: Annotated[str, Field(min_length=1, max_length=128, description="at least 8 characters")]


@router.get("/me")
def me(rooms: Rooms, caller: Caller) -> Me:
    """Who the caller is."""
    require(caller, Action.SEE_OWN_ACCOUNT)
    return Me.model_validate(rooms.accounts.get(caller.id), from_attributes=True)


@router.put("/me")
def update_me(body: ProfileIn, rooms: Rooms, caller: Caller) -> Me:
    """Change the caller's address or full name."""
    changed = rooms.accounts.update_profile(caller, email=body.email, full_name=body.full_name)
    return Me.model_validate(changed, from_attributes=True)


@router.put("/password", status_code=status.HTTP_204_NO_CONTENT)
async def change_password(body: PasswordIn, request: Request, rooms: Rooms, caller: Caller) -> Response:
    """Change the caller's password; every sign-in ends but the browser session that asks."""
    await proving(request, lambda: rooms.accounts.change_password(caller, body.current_password, body.new_password))
    return Response(status_code=status.HTTP_204_NO_CONTENT)
