"""The people of the platform, for administrators."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response, status
from pydantic import BaseModel, ConfigDict, Field

from app.api.asked import Asked
from app.api.audit import TrailPage, trail_row
from app.api.context import Caller, Paging, Rooms, listing
from registry.records import Role
from registry.records.audit_search import TrailFilter

router = APIRouter(prefix="/users", tags=["users"])

UserId = Annotated[str, Path(max_length=64, description="the user's id")]


class UserOut(BaseModel):
    """A user, as administrators see one."""

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
                    "active": True,
                    "approved": True,
                    "created_at": "2026-03-01T09:00:00Z",
                    "updated_at": "2026-03-01T09:00:00Z",
                    "last_login_at": None,
                }
            ]
        }
    )

    id: str
    username: str = Field(description="unique, however it is spelled")
    email: str = Field(description="empty if there is none")
    full_name: str = Field(description="empty if there is none")
    role: Role
    premium: bool = Field(description="may use models of the access level premium")
    active: bool = Field(description="may sign in")
    approved: bool = Field(description="false: registered, and waiting for an administrator")
    created_at: datetime
    updated_at: datetime
    last_login_at: datetime | None = Field(description="null: never signed in")


class UserPage(BaseModel):
    """One page of users."""

    items: list[UserOut]
    total: int
    page: int
    size: int


class UserIn(Asked):
    """A user to make."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"username": "bob", "password": "correct horse", "role": "operator"}]}
    )

    username: Annotated[str, Field(min_length=1, max_length=64, description="how the user signs in")]
    password: Annotated[str, Field(min_length=1, max_length=128, description="at least 8 characters")]
    role: Role = Role.USER
    email: Annotated[str, Field(max_length=254)] = ""
    full_name: Annotated[str, Field(max_length=120)] = ""
    premium: Annotated[bool, Field(description="may use models of the access level premium")] = False


class UserChange(Asked):
    """What to change; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"full_name": "Bob B.", "premium": True}]})

    email: Annotated[str | None, Field(max_length=254)] = None
    full_name: Annotated[str | None, Field(max_length=120)] = None
    premium: Annotated[bool | None, Field(description="may use models of the access level premium")] = None


class RoleIn(Asked):
    """The new role."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "engineer"}]})

    role: Role


class NewPasswordIn(Asked):
    """The password that somebody gets."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"password": "correct horse"}]})

    password: Annotated[str, Field(min_length=1, max_length=128, description="at least 8 characters")]


@router.get("", response_model=UserPage)
def list_users(
    *,
    rooms: Rooms,
    caller: Caller,
    paging: Paging,
    search: Annotated[str, Query(max_length=100, description="part of a name or address")] = "",
    role: Role | None = None,
    active: bool | None = None,
    approved: Annotated[bool | None, Query(description="false: registered, and waiting for approval")] = None,
) -> Any:
    """List users by name."""
    found, total = rooms.people.page(
        caller, search=search, role=role, active=active, approved=approved, number=paging[0], size=paging[1]
    )
    return listing([_out(user) for user in found], total, paging)


@router.post("", status_code=status.HTTP_201_CREATED)
def create_user(body: UserIn, rooms: Rooms, caller: Caller) -> UserOut:
    """Make a user."""
    further = {"email": body.email, "full_name": body.full_name}
    user = rooms.accounts.create(caller, body.username, body.password, body.role, **further, premium=body.premium)
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
    """Switch an account on; one that was waiting for approval is approved."""
    return UserOut.model_validate(rooms.people.set_active(caller, user_id, active=True), from_attributes=True)


@router.post("/{user_id}/deactivate")
def deactivate_user(user_id: UserId, rooms: Rooms, caller: Caller) -> UserOut:
    """Switch an account off; its sessions and tokens end."""
    return UserOut.model_validate(rooms.people.set_active(caller, user_id, active=False), from_attributes=True)


@router.put("/{user_id}/role")
def change_role(user_id: UserId, body: RoleIn, rooms: Rooms, caller: Caller) -> UserOut:
    """Give another role; the user signs in anew."""
    return UserOut.model_validate(rooms.people.set_role(caller, user_id, body.role), from_attributes=True)


@router.put("/{user_id}/password", status_code=status.HTTP_204_NO_CONTENT)
def reset_password(user_id: UserId, body: NewPasswordIn, rooms: Rooms, caller: Caller) -> Response:
    """Give somebody else another password; every sign-in of that user ends."""
    rooms.accounts.reset_password(caller, user_id, body.password)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.get("/{user_id}/activity", response_model=TrailPage)
def user_activity(user_id: UserId, rooms: Rooms, caller: Caller, paging: Paging) -> Any:
    """What a user did, newest first."""
    user = rooms.people.get(caller, user_id)
    found, total = rooms.auditing.page(caller, TrailFilter(person=user.id), number=paging[0], size=paging[1])
    return listing([trail_row(entry) for entry in found], total, paging)


def _out(user: object) -> dict[str, object]:
    return UserOut.model_validate(user, from_attributes=True).model_dump()
