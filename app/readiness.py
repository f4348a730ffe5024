"""Whether the platform can do its work, and what keeps it from it."""

from collections.abc import Callable

from app.platform import Platform
from registry.errors import RegistryError


def report(platform: Platform) -> tuple[bool, dict[str, str]]:
    """Ask every part; returns whether all are well, and `ok` or the reason for each."""
    probes: dict[str, Callable[[], None]] = {
        "database": platform.database.ping,
        "storage": platform.storage.check,
        "mlflow": platform.models.ping,
    }
    checks = {name: _ask(probe) for name, probe in probes.items()}
    return all(state == "ok" for state in checks.values()), checks


def _ask(probe: Callable[[], None]) -> str:
    try:
        probe()
    except RegistryError as error:
        return f"{error.code}: {error.message}"
    return "ok"
