"""The live settings: read by staff, changed by administrators, those of inference by engineers too."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response, status
from pydantic import BaseModel, ConfigDict, Field

from app.api.asked import Asked
from app.api.context import Caller, Paging, Rooms, cut, whole
from registry.access.live import Change, Entry
from registry.access.live.checking import KEY_PATTERN

router = APIRouter(prefix="/settings", tags=["settings"])

Key = Annotated[str, Path(max_length=64, description="the setting's key")]
Name = Annotated[str, Field(max_length=64)]
Revision = Annotated[int, Field(ge=0, le=2**31 - 1, strict=True)]
Words = Annotated[str, Query(max_length=100, description="part of a key, title or description")]

_SETTING: dict[str, Any] = {
    "key": "limit_user",
    "value": 600,
    "default": 1200,
    "category": "limits",
    "title": "Per user",
    "description": "requests of one user, all sessions and keys together",
    "type": "integer",
    "unit": "a minute",
    "minimum": 10,
    "maximum": 1000000,
    "max_length": None,
    "restart": False,
    "editors": "admin",
    "custom": False,
    "source": "changed",
    "revision": 3,
    "updated_at": "2026-05-04T09:30:00Z",
    "updated_by": "ada",
}
_CUSTOM: dict[str, Any] = {"key": "line-3.threshold", "value": {"width": 2.5}, "title": "Line 3", "description": ""}


_CATEGORY: dict[str, Any] = {
    "name": "limits",
    "description": "How many requests a caller may send",
    "settings": 8,
    "changed": 1,
}


class SettingOut(BaseModel):
    """A setting: its value in force, what it may be, who changed it last."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SETTING]})

    key: str = Field(description="what it is changed by")
    value: Any = Field(description="the value in force")
    default: Any = Field(description="the value after a reset; null for a custom setting")
    category: str = Field(description="the group it belongs to")
    title: str = Field(description="its name for people")
    description: str = Field(description="what it does")
    type: Literal["boolean", "integer", "text", "list", "json"] = Field(description="what its value is")
    unit: str = Field(description="what a number counts; may be empty")
    minimum: int | None = Field(description="the least a number may be")
    maximum: int | None = Field(description="the most a number may be")
    max_length: int | None = Field(description="most characters of a text, most entries of a list")
    restart: bool = Field(description="whether a change waits for the next start")
    editors: Literal["admin", "engineer"] = Field(description="the least role that may change it")
    custom: bool = Field(description="whether an administrator made it")
    source: Literal["default", "changed"] = Field(description="where the value in force comes from")
    revision: int = Field(description="how often it was changed; 0 is never")
    updated_at: datetime | None = Field(description="when it was changed last")
    updated_by: str = Field(description="who changed it last")


class SettingPage(BaseModel):
    """One page of settings."""

    items: list[SettingOut] = Field(description="the settings, custom ones last")
    total: int = Field(description="how many there are in all")
    page: int = Field(description="the number of this page, from 1")
    size: int = Field(description="the most items of a page")


class CategoryOut(BaseModel):
    """A group of settings."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CATEGORY]})

    name: str = Field(description="what it is asked for by")
    description: str = Field(description="what its settings are about")
    settings: int = Field(description="how many settings it has")
    changed: int = Field(description="how many of them somebody changed")


class CategoryPage(BaseModel):
    """The groups of settings, all on one page."""

    items: list[CategoryOut] = Field(description="the groups in their order")
    total: int = Field(description="how many there are")
    page: int = Field(description="always 1")
    size: int = Field(description="how many there are")


class CustomIn(Asked):
    """A custom setting to make."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CUSTOM]})

    key: str = Field(pattern=KEY_PATTERN, description="letters, digits, dots, dashes, underscores")
    value: Any = Field(description="any JSON value but null, up to 8 KiB")
    title: str = Field("", max_length=120, description="its name for people")
    description: str = Field("", max_length=500, description="what it is for")


class ValueIn(Asked):
    """The value to set."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"value": 600, "revision": 2}]})

    value: Any = Field(description="a value of the setting's type, within its bounds")
    revision: Revision | None = Field(None, description="set it only if it is still at this revision, else 409")


class BulkIn(Asked):
    """Values to set together."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"settings": {"limit_user": 600, "limit_key": 300}, "revisions": {}}]},
    )

    settings: dict[Name, Any] = Field(min_length=1, max_length=300, description="key and new value of each")
    revisions: dict[Name, Revision] = Field({}, description="the revision each must still be at, where that matters")


@router.get("", response_model=SettingPage, responses={404: {}})
def list_settings(
    rooms: Rooms,
    caller: Caller,
    paging: Paging,
    search: Words = "",
    category: Annotated[str, Query(max_length=64, description="one group only")] = "",
) -> Any:
    """List the settings, custom ones last."""
    return _page(rooms.editor.list(caller, category=category or None, search=search), paging)


@router.get("/categories", response_model=CategoryPage)
def list_categories(rooms: Rooms, caller: Caller) -> Any:
    """The groups of settings, and how many of each were changed."""
    found = [CategoryOut.model_validate(each, from_attributes=True) for each in rooms.editor.categories(caller)]
    return whole(found)


@router.get("/by-category/{category}", response_model=SettingPage)
def list_category(
    category: Annotated[str, Path(max_length=64, description="the group's name")],
    rooms: Rooms,
    caller: Caller,
    paging: Paging,
) -> Any:
    """The settings of one group."""
    return _page(rooms.editor.list(caller, category=category), paging)


@router.get("/{key}", response_model=SettingOut)
def get_setting(key: Key, rooms: Rooms, caller: Caller) -> Any:
    """One setting."""
    return rooms.editor.get(caller, key).to_dict()


@router.post("", status_code=status.HTTP_201_CREATED, response_model=SettingOut)
def create_setting(body: CustomIn, rooms: Rooms, caller: Caller) -> Any:
    """Make a custom setting."""
    return rooms.editor.create(caller, body.key, body.value, body.title, body.description).to_dict()


@router.post("/bulk-update", response_model=SettingPage, responses={404: {}})
def update_settings(body: BulkIn, rooms: Rooms, caller: Caller) -> Any:
    """Set several values, or none of them: a refusal names every field that is wrong. Answers what was set."""
    changes = {key: Change(value, body.revisions.get(key)) for key, value in body.settings.items()}
    return whole([each.to_dict() for each in rooms.editor.bulk(caller, changes)])


@router.post("/reset/{key}", response_model=SettingOut)
def reset_setting(key: Key, rooms: Rooms, caller: Caller) -> Any:
    """Back to the default."""
    return rooms.editor.reset(caller, key).to_dict()


@router.put("/{key}", response_model=SettingOut)
def update_setting(key: Key, body: ValueIn, rooms: Rooms, caller: Caller) -> Any:
    """Set one value; it is in force in every process within two seconds."""
    return rooms.editor.set(caller, key, body.value, body.revision).to_dict()


@router.delete("/{key}", status_code=status.HTTP_204_NO_CONTENT)
def delete_setting(key: Key, rooms: Rooms, caller: Caller) -> Response:
    """Remove a custom setting. One of the platform's own is refused: reset it with POST /settings/reset/{key}."""
    rooms.editor.delete(caller, key)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


def _page(found: Sequence[Entry], paging: tuple[int, int]) -> dict[str, object]:
    return cut(found, paging, lambda each: each.to_dict())
