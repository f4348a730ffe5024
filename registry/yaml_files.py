"""Settings in YAML files, and what is wrong with one that cannot be used."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from registry.errors import InvalidSetting
from registry.validation import first_problem

# what PyYAML raises over text that is no YAML; tags of its core (`!!bool x`) raise whatever their reading does
NOT_YAML = (
    yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, ArithmeticError, RecursionError,
)  # fmt: skip


def read_yaml(path: Path) -> Mapping[str, Any]:
    """A mapping of settings; empty for a file that is missing. Raises InvalidSetting."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (OSError, *NOT_YAML) as error:
        raise InvalidSetting(f"{path} is not readable YAML: {error}") from error
    if content is not None and not isinstance(content, dict):
        raise InvalidSetting(f"{path}: expected a mapping of settings, got {type(content).__name__}")
    return content or {}


def invalid(error: ValidationError, where: str) -> InvalidSetting:
    """The first problem of a file or of the environment, told by the name of its field."""
    first = first_problem(error)
    return InvalidSetting(f"{where}: {first}, got {first.given!r:.200}", details={"setting": first.field})
