"""Groups of cameras."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response, status
from pydantic import BaseModel, ConfigDict

from app.api.context import Caller, Paging, Rooms, cut
from registry.cameras.asked import GroupAsked, GroupChange

router = APIRouter(prefix="/camera-groups", tags=["cameras"])

GroupId = Annotated[str, Path(max_length=64, description="the group's id")]


class GroupOut(BaseModel):
    """A group with the number of its cameras."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0b1c2d3e4f5061728394a5b6c7d8e9f0",
                    "name": "Hall 2",
                    "description": "Loading and packing",
                    "cameras": 6,
                    "created_at": "2026-11-27T20:16:58Z",
                    "updated_at": "2026-11-27T20:16:58Z",
                }
            ]
        }
    )

    id: str
    name: str
    description: str
    cameras: int
    created_at: datetime
    updated_at: datetime


class GroupPage(BaseModel):
    """One page of groups by name."""

    items: list[GroupOut]
    total: int
    page: int
    size: int


@router.get("", response_model=GroupPage)
def list_groups(rooms: Rooms, caller: Caller, paging: Paging) -> Any:
    """List the groups."""
    return cut(rooms.camera_groups.list(caller), paging, dict)


@router.post("", status_code=status.HTTP_201_CREATED, response_model=GroupOut, responses={409: {}})
def add_group(body: GroupAsked, rooms: Rooms, caller: Caller) -> Any:
    """Make a group; cameras get into it by their `group_id`."""
    return rooms.camera_groups.create(caller, body)


@router.get("/{group_id}", response_model=GroupOut)
def get_group(group_id: GroupId, rooms: Rooms, caller: Caller) -> Any:
    """One group."""
    return rooms.camera_groups.get(caller, group_id)


@router.put("/{group_id}", response_model=GroupOut, responses={409: {}})
def change_group(group_id: GroupId, body: GroupChange, rooms: Rooms, caller: Caller) -> Any:
    """Change a group's name or description."""
    return rooms.camera_groups.update(caller, group_id, body)


@router.delete("/{group_id}", status_code=status.HTTP_204_NO_CONTENT)
def delete_group(group_id: GroupId, rooms: Rooms, caller: Caller) -> Response:
    """Remove a group; its cameras stay, in no group."""
    rooms.camera_groups.delete(caller, group_id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)
