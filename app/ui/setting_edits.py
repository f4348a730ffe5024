"""What somebody is typing into the settings, held against what was stored when they began."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from registry.access import Actor
from registry.access.live import Change, Entry, SettingsEditor
from registry.access.live.catalogue import Definition
from registry.access.live.checking import from_text
from registry.errors import InvalidSetting, SettingChanged

_STATE = "settings.edits"


def widget(key: str) -> str:
    """The key of a setting's widget."""
    return f"settings.value.{key}"


def typed(about: Definition) -> Any:
    """The value that stands in the widget."""
    held = st.session_state.get(widget(about.key))
    if about.type == "list" and isinstance(held, str):
        return [line.strip() for line in held.splitlines() if line.strip()]
    return from_text(about.key, held) if about.type == "json" and isinstance(held, str) else held


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was stored when the widget was filled: a save answers to this revision."""

    value: Any
    revision: int


@dataclass(slots=True)
class Edits:
    """The unsaved edits of one browser tab, with what stands in their way."""

    problems: dict[str, str] = field(default_factory=dict)
    conflicts: dict[str, str] = field(default_factory=dict)  # key and who changed it meanwhile
    _seen: dict[str, _Seen] = field(default_factory=dict)

    @classmethod
    def mine(cls) -> "Edits":
        """Those of this tab."""
        found: Edits = st.session_state.setdefault(_STATE, cls())
        return found

    def fill(self, entry: Entry) -> None:
        """Put the stored value into the widget; what somebody typed there is kept."""
        name, seen = widget(entry.key), self._seen.get(entry.key)
        stored = _Seen(entry.value, entry.revision)
        if name not in st.session_state or seen is None or (seen != stored and not self._touched(entry)):
            self.drop(entry.key)
            st.session_state[name] = _as_typed(entry.definition, entry.value)
            self._seen[entry.key] = stored

    def drop(self, key: str) -> None:
        """Forget what was typed: the next run fills in what is stored."""
        st.session_state.pop(widget(key), None)
        for each in (self.problems, self.conflicts, self._seen):
            each.pop(key, None)

    def save(self, editor: SettingsEditor, actor: Actor, found: Iterable[Entry]) -> int:
        """Store what differs from what was there, all or nothing; how many were stored.

        What is wrong, or was changed by somebody else meanwhile, is noted beside its field.
        """
        self.problems, self.conflicts = {}, {}
        changes = {
            each.key: Change(typed(each.definition), self._seen[each.key].revision)
            for each in found
            if self._touched(each)
        }
        try:
            stored = editor.bulk(actor, changes)
        except InvalidSetting as error:
            self.problems = {each["field"]: each["problem"] for each in error.details["fields"]}
            return 0
        except SettingChanged as error:
            self._note_conflicts(error.details["settings"])
            return 0
        for each in stored:
            self.drop(each.key)
        return len(stored)

    def _touched(self, entry: Entry) -> bool:
        seen = self._seen[entry.key]
        return bool(st.session_state[widget(entry.key)] != _as_typed(entry.definition, seen.value))

    def _note_conflicts(self, now: Mapping[str, Mapping[str, Any]]) -> None:
        """The next save replaces what the other one stored, now that both values were shown."""
        for key, theirs in now.items():
            self._seen[key] = _Seen(theirs["value"], theirs["revision"])
            self.conflicts[key] = theirs["updated_by"]


def _as_typed(about: Definition, value: Any) -> Any:
    if about.type == "json":
        return json.dumps(value, indent=2, ensure_ascii=False)
    return "\n".join(value) if about.type == "list" else value
