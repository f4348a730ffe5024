"""What pydantic found wrong with somebody's fields, in the words of our errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError

OWN_CHECK = "Value error, "  # what pydantic puts before the words of our own validators


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field. `given` is what it held, which may be a secret or long; `kind` is pydantic's."""

    field: str
    message: str
    given: Any = None
    kind: str = ""

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


def problems_of(error: ValidationError, whole: str = "") -> Sequence[Problem]:
    """Every problem, its field by the dotted path to it; `whole` names what no single field is to blame for."""
    found = error.errors(include_url=False, include_context=False)
    return [
        Problem(
            ".".join(str(part) for part in each["loc"]) or whole,
            each["msg"].removeprefix(OWN_CHECK),
            each.get("input"),
            each["type"],
        )
        for each in found
    ]


def first_problem(error: ValidationError, whole: str = "") -> Problem:
    """The first of `problems_of`."""
    return problems_of(error, whole)[0]
