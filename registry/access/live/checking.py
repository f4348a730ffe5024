"""Whether a value may be that of a setting: strict types, bounds, and JSON that stays small."""

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from registry.access.live.catalogue import DEFINITIONS
from registry.access.live.definitions import LiveSettings
from registry.errors import InvalidSetting

KEY_PATTERN = r"^[a-z][a-z0-9_.-]{0,63}$"
MOST_BYTES = 8_192  # of a custom value as JSON
MOST_DEPTH = 8
_MOST_INTEGER = 2**53  # beyond it, JSON readers disagree
_RESERVED = frozenset({"categories", "by-category", "bulk-update", "reset"})  # addresses below /settings
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # the rest of a line runs backwards
_KEY = re.compile(KEY_PATTERN.removesuffix("$") + r"\Z")


def refusals(base: LiveSettings, changes: Mapping[str, Any]) -> tuple[LiveSettings, dict[str, str]]:
    """`base` with the changes, and what is wrong with each that cannot be made (then it stays as it was)."""
    problems = {key: "is one line without control characters" for key, value in changes.items() if not _readable(value)}
    fit = {key: value for key, value in changes.items() if key not in problems}
    try:
        return LiveSettings(**(base.model_dump() | fit)), problems
    except ValidationError as error:
        for each in error.errors(include_url=False):
            key = str(each["loc"][0])
            problems[key] = _problem(key, each["type"], each["msg"], fit[key])
        kept = {key: value for key, value in fit.items() if key not in problems}
        return LiveSettings(**(base.model_dump() | kept)), problems


def custom_refusal(value: Any) -> str | None:
    """What is wrong with the value of a custom setting; None if nothing is."""
    if value is None:
        return "null is no value: delete the setting instead"
    problem = _json_problem(value, 1)
    if problem is None and len(json.dumps(value).encode()) > MOST_BYTES:
        return f"a value has at most {MOST_BYTES:,} bytes as JSON"
    return problem


def check_key(key: str) -> None:
    """Raises InvalidSetting unless a custom setting may be called this."""
    if not _KEY.match(key):
        raise InvalidSetting(
            f"{shown(key)} cannot be a key: 1 to 64 lower-case letters, digits, dots, dashes and underscores, "
            "a letter first"
        )
    if key in DEFINITIONS or key in _RESERVED:
        raise InvalidSetting(f"{key} is taken by the platform", hint="Choose another key.")


def check_words(title: str, description: str) -> None:
    """Raises InvalidSetting unless these can be title and description of a custom setting."""
    for name, text, most in (("title", title, 120), ("description", description, 500)):
        if len(text) > most or not _readable(text):
            raise InvalidSetting(
                f"a {name} is one line of at most {most} characters",
                details=fields({name: "too long, or with control characters"}),
            )


def from_text(key: str, text: str) -> Any:
    """The value that somebody typed: text as it is where the setting is a text, else JSON, else text after all."""
    definition = DEFINITIONS.get(key)
    if definition is not None and definition.type == "text":
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def fields(problems: Mapping[str, str]) -> dict[str, Any]:
    """Problems as an error's `details` has them."""
    return {"fields": [{"field": key, "problem": problem} for key, problem in problems.items()]}


def shown(value: object) -> str:
    """A refused value in a message: short, and never so long that it floods the log."""
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:60] + "…")
    if value is None or isinstance(value, bool | float):
        return json.dumps(value)
    if isinstance(value, int):
        return str(value) if abs(value) < _MOST_INTEGER else "a number beyond all bounds"
    return "a list" if isinstance(value, list) else "an object"


def _problem(key: str, kind: str, message: str, value: object) -> str:
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    return f"expected {DEFINITIONS[key].expects}, got {_got(value)}"


def _got(value: object) -> str:
    if isinstance(value, str) and len(value) > 60:
        return f"{len(value):,} characters"
    if isinstance(value, list):
        return f"a list of {len(value):,}"
    if value is None:
        return "nothing"
    return shown(value)


def _json_problem(value: Any, depth: int) -> str | None:
    if depth > MOST_DEPTH:
        return f"a value is nested at most {MOST_DEPTH} deep"
    if isinstance(value, str):
        return None if _storable(value) else "a text holds characters that cannot be stored"
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _number_problem(value)
    if isinstance(value, dict):
        inner = [*value.keys(), *value.values()]
        if not all(isinstance(key, str) for key in value):
            return "the names in an object are texts"
    elif isinstance(value, list):
        inner = value
    else:
        return f"a {type(value).__name__} is not JSON"
    return next((found for each in inner if (found := _json_problem(each, depth + 1))), None)


def _number_problem(value: float) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN and infinity are not JSON"
    return (
        f"a whole number lies within ±{_MOST_INTEGER:,}"
        if isinstance(value, int) and abs(value) > _MOST_INTEGER
        else None
    )


def _readable(value: object) -> bool:
    if not isinstance(value, str):
        return True
    return not any(unicodedata.category(each) in {"Cc", "Cs"} or each in _TURNING for each in value)


def _storable(text: str) -> bool:
    """PostgreSQL keeps no NUL, and half a surrogate pair has no UTF-8."""
    return "\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text)
