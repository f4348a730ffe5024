"""How a version came in, as its `intake.json` tells it."""

import json
from typing import Any

from registry.errors import IntegrityError
from registry.models.intake import REPORT
from registry.models.registry import ModelRegistry
from registry.models.types import ModelVersion


def intake_report(models: ModelRegistry, version: ModelVersion) -> dict[str, Any] | None:
    """The file it was made from, what was found in it, and the steps; None for what did not come in as a file.

    Raises IntegrityError, MlflowUnavailable.
    """
    kept = models.files.note(version, REPORT)
    if kept is None:
        return None
    try:
        found = json.loads(kept)
    except ValueError as error:
        raise IntegrityError(f"{REPORT} of {version.name} version {version.version} is no JSON") from error
    return found if isinstance(found, dict) else None
