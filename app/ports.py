"""Which ports are free, and where the platform's own servers listen."""

import errno
import socket

from registry.errors import PortTaken
from registry.models.server import tracking_uri
from registry.settings import Settings


def mlflow_url(settings: Settings) -> str:
    """URL of the MLflow server, path prefix included. Raises MlflowUnavailable."""
    return tracking_uri(settings)


def require_free(host: str, port: int) -> None:
    """Raise PortTaken when something listens on the port already, or when it may not be bound."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EACCES:
                raise PortTaken(f"port {port} may only be used by root", hint="Choose a port above 1023.") from error
            raise PortTaken(f"port {port} on {host} is taken: {error.strerror}") from error
