"""Aliases that are answered with another version than they name, since that one cannot be served."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from registry.models.swapping import Line
from registry.models.types import CHAMPION, ModelSummary


@dataclass(frozen=True, slots=True)
class Stray:
    """What an alias names in MLflow, which version answers in its place, and why."""

    alias: str
    named: int
    answers: int
    problem: str

    def to_dict(self) -> dict[str, Any]:
        """As the HTTP contract has it."""
        return asdict(self)


def strays(model: ModelSummary, lines: Mapping[tuple[str, str], Line]) -> Sequence[Stray]:
    """Those of a model, by alias; requests that name none have the alias `champion`.

    `lines` are those of this process; what moved on since a line was looked at is left out.
    """
    found: dict[str, Stray] = {}
    for (name, alias), line in sorted(lines.items()):
        named = model.aliases.get(alias or CHAMPION, model.latest_version)
        if name == model.name and line.problem and line.wanted.version == named:
            found[alias or CHAMPION] = Stray(alias or CHAMPION, named, line.current.version, line.problem)
    return list(found.values())
