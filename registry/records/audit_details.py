"""What an audit row may tell: plain JSON of bounded size, without secrets."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

HIDDEN = "***"
LONGEST_TEXT, MOST_ITEMS, DEEPEST, LONGEST_JSON = 500, 50, 6, 8_000

_SECRET_KEY = re.compile(r"passw|secret|token|credential|authorization|cookie|api.?key|(^|[^a-z])keys?$")
_IN_URL = re.compile(r"(://)[^/\s@]+@")  # a camera's name and password
_OUR_KEY = re.compile(r"(nxk_[0-9a-z]+)_[\w-]+")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL stores no NUL, and UTF-8 has no lone surrogates


def fit(details: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the details as every database gives it back, digit for digit.

    Texts under a key such as `password` are hidden at any depth, and so are passwords in URLs and API keys.
    Whatever is too long, too many or too deep is cut, with a mark that says so.
    """
    plain = _mapping(details, 1, hidden=False)
    text = json.dumps(plain, ensure_ascii=False)
    return plain if len(text) <= LONGEST_JSON else {"cut": _short(text, LONGEST_JSON)}


def fit_text(text: str, longest: int) -> str:
    """Text cut to a column's width, without the characters that a database would refuse."""
    return _UNSTORABLE.sub("\ufffd", text)[:longest]


def _fit(value: object, depth: int, *, hidden: bool) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= 128 else f"a number of {value.bit_length():,} bits"
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        if depth > DEEPEST:
            return "…"
        if isinstance(value, Mapping):
            return _mapping(value, depth, hidden=hidden)
        return _list(list(value), depth, hidden=hidden)
    return HIDDEN if hidden else _text(str(value))


def _mapping(value: Mapping[Any, Any], depth: int, *, hidden: bool) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, each in list(value.items())[:MOST_ITEMS]:
        name = _text(str(key), 100)
        made[name] = _fit(each, depth + 1, hidden=hidden or _SECRET_KEY.search(name.casefold()) is not None)
    if len(value) > MOST_ITEMS:
        made["…"] = f"and {len(value) - MOST_ITEMS:,} more"
    return made


def _list(value: Sequence[object], depth: int, *, hidden: bool) -> list[Any]:
    made = [_fit(each, depth + 1, hidden=hidden) for each in value[:MOST_ITEMS]]
    return made if len(value) <= MOST_ITEMS else [*made, f"… and {len(value) - MOST_ITEMS:,} more"]


def _text(text: str, longest: int = LONGEST_TEXT) -> str:
    safe = _OUR_KEY.sub(rf"\1_{HIDDEN}", _IN_URL.sub(rf"\1{HIDDEN}@", _UNSTORABLE.sub("\ufffd", text)))
    return _short(safe, longest)


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text):,} characters)"
