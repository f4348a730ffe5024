"""What somebody says about a model, checked before it counts."""

import re
from typing import get_args

from registry.errors import InvalidInput
from registry.mlflow_file import AccessLevel
from registry.runtime.card import Task

LONGEST_DESCRIPTION = 4_000
# Control characters, what turns a line around, and spaces without a width; joiners, which some scripts need, may stay.
_HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]")


def check_description(text: str) -> None:
    """Raises InvalidInput for one that is too long, or holds what cannot be seen."""
    check_visible("a description", text)
    if len(text) > LONGEST_DESCRIPTION:
        raise InvalidInput(f"a description has at most {LONGEST_DESCRIPTION} characters, not {len(text)}")


def check_visible(what: str, text: str) -> None:
    """Raises InvalidInput where a text, `what` in words, holds what cannot be seen; tabs and line ends may stay."""
    if hidden := _HIDDEN.search(text):
        raise InvalidInput(f"{what} cannot hold the invisible character U+{ord(hidden[0]):04X}")


def check_access_level(level: str) -> None:
    """Raises InvalidInput for what is no access level."""
    if level not in get_args(AccessLevel):
        raise InvalidInput(f"{str(level)[:40]!r} is no access level: {', '.join(get_args(AccessLevel))}")


def check_task(task: str) -> None:
    """Raises InvalidInput for what is no task; an empty one is none that was said."""
    if task and task not in set(Task):
        raise InvalidInput(f"{task[:32]!r} is no task: {', '.join(Task)}")
