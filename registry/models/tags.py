"""The tags under which MLflow keeps what it has no field for."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from registry.errors import IntegrityError

OWNER_ID = "nexusai.owner_id"
OWNER_NAME = "nexusai.owner"
ACCESS_LEVEL = "nexusai.access_level"
TASK = "nexusai.task"
GRANT = "nexusai.grant."
HISTORY = "nexusai.history."
MOVES = "nexusai.moves."
ARCHIVED = "nexusai.archived"
SHA256 = "nexusai.sha256"
FILES = "nexusai.files"
CARD_SHA256 = "nexusai.card_sha256"
SIZE = "nexusai.size_bytes"
KEPT_SIZE = "nexusai.kept_bytes"  # of the checkpoint that is kept beside what is served
PUBLISHED_BY = "nexusai.published_by"
PARENT = "nexusai.parent"
METRICS = "nexusai.metrics"
NOTES = "nexusai.notes"
TUNED = "nexusai.tuned."  # and a host's key: what a tune chose for it
TUNED_SPEED = "nexusai.tuned_speed."  # and a host's key: how it compares with the default, for people
PUBLISHER_ID = "nexusai.publisher_id"

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,80}")


def read_files(tags: Mapping[str, str]) -> dict[str, str]:
    """File names with their sha256 (hex) from a version's tags. Raises IntegrityError for what is neither."""
    try:
        found = dict(json.loads(tags[FILES]))
    except (KeyError, ValueError, TypeError) as error:
        raise IntegrityError(f"the tag {FILES} of a version is not what was registered") from error
    if not found or not all(_NAME.fullmatch(str(name)) and is_sha256(sha256) for name, sha256 in found.items()):
        raise IntegrityError(f"the tag {FILES} of a version is not what was registered")
    return found


def read_notes(tags: Mapping[str, str]) -> dict[str, str]:
    """Names of the files kept beside the served ones, with their sha256 (hex); empty where none are named."""
    found = _mapping(tags.get(NOTES, ""))
    return {name: sha256 for name, sha256 in found.items() if _NAME.fullmatch(name) and is_sha256(sha256)}


def read_metrics(tags: Mapping[str, str]) -> dict[str, float]:
    """A version's figures by name; what is no finite number is left out."""
    found = _mapping(tags.get(METRICS, ""))
    return {
        name: float(value) for name, value in found.items() if isinstance(value, int | float) and math.isfinite(value)
    }


def read_sha256(tags: Mapping[str, str], name: str) -> str:
    """A sha256 (hex) from a tag. Raises IntegrityError for anything else: it becomes part of a path."""
    value = tags.get(name, "")
    if not is_sha256(value):
        raise IntegrityError(f"the tag {name} of a version is not what was registered")
    return value


def is_sha256(value: object) -> bool:
    """Whether a value is 64 lower-case hex digits."""
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def read_grants(tags: Mapping[str, str]) -> frozenset[str]:
    """Ids of the users a registered model was granted to."""
    return frozenset(name.removeprefix(GRANT) for name in tags if name.startswith(GRANT))


def _mapping(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
