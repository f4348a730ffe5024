"""Whether the platform can do its work, and what keeps it from it."""

import time
from collections.abc import Callable

from app.platform import Platform
from registry.errors import RegistryError

_BEGAN = time.monotonic()
_START_S = 90.0  # Prefect takes the longest, on a slow machine with two cores


def starting() -> bool:
    """Whether this process is so young that a part which does not answer is probably still on its way."""
    return time.monotonic() - _BEGAN < _START_S


def report(platform: Platform) -> tuple[bool, dict[str, str]]:
    """Ask every part; returns whether all are well, and `ok` or the reason for each."""
    probes: dict[str, Callable[[], None]] = {
        "database": platform.database.ping,
        "storage": platform.storage.check,
        "mlflow": platform.models.ping,
    }
    if platform.settings.jobs_here:
        probes["prefect"] = platform.prefect.ping
    if platform.settings.cameras_here:
        probes["worker"] = platform.viewing.check
    checks = {name: _ask(probe) for name, probe in probes.items()}
    return all(state == "ok" for state in checks.values()), checks


def _ask(probe: Callable[[], None]) -> str:
    try:
        probe()
    except RegistryError as error:
        return f"{error.code}: {error.message}"
    return "ok"
