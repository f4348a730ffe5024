"""The tags under which MLflow keeps what it has no field for."""

import json
from collections.abc import Mapping

OWNER_ID = "nexusai.owner_id"
OWNER_NAME = "nexusai.owner"
ACCESS_LEVEL = "nexusai.access_level"
TASK = "nexusai.task"
GRANT = "nexusai.grant."
SHA256 = "nexusai.sha256"
FILES = "nexusai.files"
CARD_SHA256 = "nexusai.card_sha256"
SIZE = "nexusai.size_bytes"
PUBLISHED_BY = "nexusai.published_by"


def read_files(tags: Mapping[str, str]) -> dict[str, str]:
    """File names with their sha256 (hex) from a version's tags."""
    return {str(name): str(sha256) for name, sha256 in json.loads(tags[FILES]).items()}


def read_grants(tags: Mapping[str, str]) -> frozenset[str]:
    """Ids of the users a registered model was granted to."""
    return frozenset(name.removeprefix(GRANT) for name in tags if name.startswith(GRANT))
