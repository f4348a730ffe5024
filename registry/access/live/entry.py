"""A setting as people see it: its definition with the value in force and who changed it last."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from registry.access.live.catalogue import CUSTOM, DEFINITIONS, Definition
from registry.access.live.definitions import LiveSettings
from registry.access.live.values import merge
from registry.records import SettingValue


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting. `revision` counts its changes, 0 is never; `default` is None for a custom one."""

    definition: Definition
    value: Any
    default: Any
    custom: bool
    source: Literal["default", "changed"]
    revision: int
    updated_at: datetime | None
    updated_by: str

    @property
    def key(self) -> str:
        """The key it is changed by."""
        return self.definition.key

    def matches(self, search: str) -> bool:
        """Whether the words stand in its key, title or description."""
        about = f"{self.key} {self.definition.title} {self.definition.description}"
        return search.casefold() in about.casefold()

    def to_dict(self) -> dict[str, Any]:
        """For the API and the command line; flat, JSON-safe but for the time."""
        about = {name: getattr(self.definition, name) for name in Definition.__slots__ if name != "key"}
        own = {name: getattr(self, name) for name in Entry.__slots__ if name != "definition"}
        return {"key": self.key} | own | about


def entries(defaults: LiveSettings, rows: Iterable[SettingValue]) -> list[Entry]:
    """Every setting: those of the platform in their order, then the custom ones by key."""
    stored = {row.key: row for row in rows}
    ours = {key: row for key, row in stored.items() if key in DEFINITIONS and not row.custom}
    in_force, _ = merge(defaults, {key: row.value for key, row in ours.items()})
    known = [_defined(each, defaults, in_force, ours.get(each.key)) for each in DEFINITIONS.values()]
    custom = [stored[key] for key in sorted(stored) if stored[key].custom and key not in DEFINITIONS]
    return known + [custom_entry(row) for row in custom]


def custom_entry(row: SettingValue) -> Entry:
    """A custom setting."""
    about = Definition(row.key, CUSTOM, row.title or row.key, row.description, "json")
    return Entry(about, row.value, None, True, "changed", row.revision, row.updated_at, row.updated_by)


def _defined(definition: Definition, defaults: LiveSettings, in_force: LiveSettings, row: SettingValue | None) -> Entry:
    value, default = getattr(in_force, definition.key), getattr(defaults, definition.key)
    untouched = Entry(definition, value, default, False, "default", 0, None, "")
    if row is None:
        return untouched
    source: Literal["default", "changed"] = "changed" if row.value == value else "default"
    return replace(
        untouched, source=source, revision=row.revision, updated_at=row.updated_at, updated_by=row.updated_by
    )
