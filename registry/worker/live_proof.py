"""What app and workers agree on about live pictures."""

from registry.access.secret_files import read_or_make
from registry.settings import Settings

BOUNDARY = "picture"


def live_secret(settings: Settings) -> str:
    """What the app proves itself with at a worker; hosts that share cameras share it."""
    given = settings.worker_secret.get_secret_value()
    return given or read_or_make(settings.secrets_dir / "worker.key").hex()
