"""What models, datasets and aliases may be called."""

import re
import unicodedata
from collections.abc import Iterable

from registry.errors import InvalidInput, NameTaken

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,30}")
_RESERVED = re.compile(r"latest|v[0-9]+", re.IGNORECASE)  # in MLflow
_TAKEN = frozenset({"catalogue", "upload", "uploads"})  # stand beside the models below /api/v1/models


def check_new_name(name: str) -> None:
    """Raise InvalidInput unless `name` can name a model and leads nowhere else in the API."""
    check_name(name)
    if name in _TAKEN:
        raise InvalidInput(f"{name!r} is an address of the API and cannot name a model")


def check_name(name: str, what: str = "a model's name") -> None:
    """Raise InvalidInput unless `name` can name a model, or what `what` says."""
    _check(_NAME, name, what, "1 to 63 letters, digits, dots, dashes and underscores, a letter or digit first")


def refuse_twin(name: str, others: Iterable[str]) -> None:
    """Raises NameTaken where one of the others is this name but for the case of its letters."""
    for other in others:
        if other != name and _folded(other) == _folded(name):
            raise NameTaken(
                f"there is a model {other!r} already, whose name differs from {name!r} only by upper and lower case",
                hint="Write the name as that model has it, or choose another.",
            )


def check_alias(alias: str) -> None:
    """Raise InvalidInput unless `alias` can be an alias: MLflow keeps `latest` and the numbers for itself."""
    if _RESERVED.fullmatch(alias):
        raise InvalidInput(f"{alias!r} cannot be an alias: it names versions by itself", hint="Choose another name.")
    _check(_ALIAS, alias, "an alias", "1 to 31 lower-case letters, digits, dashes and underscores, a letter first")


def _folded(name: str) -> str:
    """As users' names are compared; MLflow itself lets a model have any letters."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _check(pattern: re.Pattern[str], value: str, what: str, rule: str) -> None:
    if not pattern.fullmatch(value):
        raise InvalidInput(f"{value[:80]!r} is not {what}: it takes {rule}")
