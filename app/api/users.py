"""The people of the platform, for administrators."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response, status
from pydantic import BaseModel, Field

from app.api.context import Caller, Paging, Rooms, listing
from registry.records import Role

router = APIRouter(prefix="/users", tags=["users"])

UserId = Annotated[str, Path(max_length=64, description="the user's id")]


class UserOut(BaseModel):
    """A user, as administrators see one."""

    id: str
    username: str
    email: str
    full_name: str
    role: Role
    premium: bool
    active: bool
    created_at: datetime
    updated_at: datetime
    last_login_at: datetime | None


class UserPage(BaseModel):
    """One page of users."""

    items: list[UserOut]
    total: int
    page: int
    size: int


class UserIn(BaseModel):
    """A user to make."""

    username: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[str, Field(min_length=1, max_length=128)]
    role: Role = Role.USER
    email: Annotated[str, Field(max_length=254)] = ""


class UserChange(BaseModel):
    """What to change; what is left out stays."""

    email: Annotated[str | None, Field(max_length=254)] = None
    full_name: Annotated[str | None, Field(max_length=120)] = None
    premium: bool | None = None


class RoleIn(BaseModel):
    """The new role."""

    role: Role


class ActivityOut(BaseModel):
    """One entry of the audit trail."""

    number: int
    at: datetime
    action: str
    target: str
    outcome: str
    address: str
    details: dict[str, Any]


class ActivityPage(BaseModel):
    """One page of a user's activity."""

    items: list[ActivityOut]
    total: int
    page: int
    size: int


@router.get("", response_model=UserPage)
def list_users(
    *,
    rooms: Rooms,
    caller: Caller,
    paging: Paging,
    search: Annotated[str, Query(max_length=100, description="part of a name or address")] = "",
    role: Role | None = None,
    active: bool | None = None,
) -> Any:
    """List users by name."""
    found, total = rooms.people.page(caller, search=search, role=role, active=active, number=paging[0], size=paging[1])
    return listing([_out(user) for user in found], total, paging)


@router.post("", status_code=status.HTTP_201_CREATED)
def create_user(body: UserIn, rooms: Rooms, caller: Caller) -> UserOut:
    """Make a user."""
    user = rooms.accounts.create(caller, body.username, body.password, body.role, email=body.email)
    return UserOut.model_validate(user, from_attributes=True)


@router.get("/{user_id}")
def get_user(user_id: UserId, rooms: Rooms, caller: Caller) -> UserOut:
    """One user."""
    return UserOut.model_validate(rooms.people.get(caller, user_id), from_attributes=True)


@router.put("/{user_id}")
def update_user(user_id: UserId, body: UserChange, rooms: Rooms, caller: Caller) -> UserOut:
    """Change a user's address, full name or entitlement."""
    changes = body.model_dump(exclude_none=True)
    return UserOut.model_validate(rooms.people.update(caller, user_id, **changes), from_attributes=True)


@router.delete("/{user_id}", status_code=status.HTTP_204_NO_CONTENT)
def delete_user(user_id: UserId, rooms: Rooms, caller: Caller) -> Response:
    """Remove a user with sessions, tokens and keys."""
    rooms.people.delete(caller, user_id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.post("/{user_id}/activate")
def activate_user(user_id: UserId, rooms: Rooms, caller: Caller) -> UserOut:
    """Switch an account on."""
    return UserOut.model_validate(rooms.people.set_active(caller, user_id, active=True), from_attributes=True)


@router.post("/{user_id}/deactivate")
def deactivate_user(user_id: UserId, rooms: Rooms, caller: Caller) -> UserOut:
    """Switch an account off; its sessions and tokens end."""
    return UserOut.model_validate(rooms.people.set_active(caller, user_id, active=False), from_attributes=True)


@router.put("/{user_id}/role")
def change_role(user_id: UserId, body: RoleIn, rooms: Rooms, caller: Caller) -> UserOut:
    """Give another role; the user signs in anew."""
    return UserOut.model_validate(rooms.people.set_role(caller, user_id, body.role), from_attributes=True)


@router.get("/{user_id}/activity", response_model=ActivityPage)
def user_activity(user_id: UserId, rooms: Rooms, caller: Caller, paging: Paging) -> Any:
    """What a user did, newest first."""
    found, total = rooms.people.activity(caller, user_id, number=paging[0], size=paging[1])
    return listing(
        [ActivityOut.model_validate(each, from_attributes=True).model_dump() for each in found], total, paging
    )


def _out(user: object) -> dict[str, object]:
    return UserOut.model_validate(user, from_attributes=True).model_dump()
