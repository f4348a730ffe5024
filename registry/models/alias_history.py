"""Where an alias has pointed, in tags of the registered model: its versions, for the way back, and its moves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from registry.models import tags

if TYPE_CHECKING:
    from mlflow import MlflowClient

_REMEMBERED = 50


@dataclass(frozen=True, slots=True)
class Move:
    """One move of an alias; `before` is None for its first, `after` None for its end."""

    alias: str
    before: int | None
    after: int | None
    by: str
    at: datetime

    def to_dict(self) -> dict[str, Any]:
        """As the HTTP contract has it."""
        return {"from": self.before, "to": self.after, "by": self.by, "at": self.at.isoformat()}


def read(client: MlflowClient, name: str, alias: str) -> list[int]:
    """The versions, newest move first; empty where nobody kept any."""
    return _versions(client.get_registered_model(name).tags, alias)


def write(client: MlflowClient, name: str, alias: str, versions: Sequence[int]) -> None:
    """Keep the newest of these."""
    client.set_registered_model_tag(name, f"{tags.HISTORY}{alias}", json.dumps(list(versions)[:_REMEMBERED]))


def move(client: MlflowClient, name: str, alias: str, version: int, by: str) -> None:
    """Let the alias name a version, put it in front of those it named before, and note who did it."""
    model = client.get_registered_model(name)
    earlier, current = _versions(model.tags, alias), _current(model, alias)
    if current is not None and (not earlier or earlier[0] != current):
        earlier.insert(0, current)  # it was moved by somebody who keeps no history
    client.set_registered_model_alias(name, alias, str(version))
    write(client, name, alias, [version, *(each for each in earlier if each != version)])
    if current != version:
        _note(client, name, model.tags, Move(alias, current, version, by, datetime.now(UTC)))


def remove(client: MlflowClient, name: str, alias: str, by: str) -> None:
    """Take the alias away; what it named stays in its history."""
    model = client.get_registered_model(name)
    client.delete_registered_model_alias(name, alias)
    _note(client, name, model.tags, Move(alias, _current(model, alias), None, by, datetime.now(UTC)))


def moves(client: MlflowClient, name: str) -> list[Move]:
    """Every move of every alias that was kept, newest first."""
    kept = client.get_registered_model(name).tags
    found = [each for tag in kept if tag.startswith(tags.MOVES) for each in _moves(kept, tag.removeprefix(tags.MOVES))]
    return sorted(found, key=lambda each: each.at, reverse=True)


def _current(model: Any, alias: str) -> int | None:
    found = (model.aliases or {}).get(alias)
    return None if found is None else int(found)


def _note(client: MlflowClient, name: str, kept: Mapping[str, str], made: Move) -> None:
    rows = [made, *_moves(kept, made.alias)][:_REMEMBERED]
    client.set_registered_model_tag(name, f"{tags.MOVES}{made.alias}", json.dumps([row.to_dict() for row in rows]))


def _versions(kept: Mapping[str, str], alias: str) -> list[int]:
    return [each for each in _list(kept.get(f"{tags.HISTORY}{alias}", "")) if isinstance(each, int)]


def _moves(kept: Mapping[str, str], alias: str) -> list[Move]:
    found = []
    for row in _list(kept.get(f"{tags.MOVES}{alias}", "")):
        try:
            found.append(Move(alias, row["from"], row["to"], str(row["by"]), datetime.fromisoformat(row["at"])))
        except (KeyError, TypeError, ValueError):  # somebody wrote the tag by hand
            continue
    return found


def _list(text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return []
    return found if isinstance(found, list) else []
