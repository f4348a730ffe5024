"""What is known of each live setting beside its value: type, bounds, unit, who may change it."""

from dataclasses import dataclass
from typing import Any, Literal, get_origin

from pydantic.fields import FieldInfo

from registry.access.live.definitions import CATEGORIES, LiveSettings

Type = Literal["boolean", "integer", "text", "list", "json"]

CUSTOM = "custom"
CATEGORY_TEXTS: dict[str, str] = {str(name): text for name, text in CATEGORIES.items()} | {
    CUSTOM: "Values of your own, for notebooks and programs to read"
}


@dataclass(frozen=True, slots=True)
class Definition:
    """One setting as it is defined. `max_length` counts the characters of a text, the entries of a list."""

    key: str
    category: str
    title: str
    description: str
    type: Type
    unit: str = ""
    minimum: int | None = None
    maximum: int | None = None
    max_length: int | None = None
    restart: bool = False
    editors: Literal["admin", "engineer"] = "admin"

    @property
    def expects(self) -> str:
        """What a value has to be, in words."""
        if self.type == "boolean":
            return "true or false"
        if self.type == "integer":
            return f"a whole number from {self.minimum:,} to {self.maximum:,}"
        if self.type == "text":
            return f"one line of at most {self.max_length:,} characters"
        if self.type == "list":
            return f"a list of at most {self.max_length:,} texts"
        return "a JSON value"


def _type(field: FieldInfo) -> Type:
    simple: dict[Any, Type] = {bool: "boolean", int: "integer", str: "text"}
    return "list" if get_origin(field.annotation) is list else simple[field.annotation]


def _definition(key: str, field: FieldInfo) -> Definition:
    bounds = {
        name: value
        for each in field.metadata
        for name in ("ge", "le", "max_length")
        if (value := _of(each, name)) is not None
    }
    extra: Any = field.json_schema_extra
    return Definition(
        key=key,
        title=field.title or key,
        description=field.description or "",
        type=_type(field),
        minimum=bounds.get("ge"),
        maximum=bounds.get("le"),
        max_length=bounds.get("max_length"),
        **extra,
    )


def _of(constraint: object, name: str) -> int | None:
    found: int | None = getattr(constraint, name, None)
    return found


DEFINITIONS: dict[str, Definition] = {key: _definition(key, field) for key, field in LiveSettings.model_fields.items()}
