"""The processes of a platform: how each is started and when it is ready."""

import sys
import urllib.error
import urllib.request

from app.supervisor import Spec
from registry.models.process import mlflow_server
from registry.models.server import STATIC_PREFIX
from registry.settings import Settings, child_environment

_PROBE_S = 2.0


def app(settings: Settings) -> Spec:
    """The web app with its API, on the one port that people open."""
    command = [sys.executable, "-m", "app.cli.main", "app"]
    return Spec("app", command, child_environment(settings), lambda: answers(f"{app_url(settings)}/health"))


def mlflow(settings: Settings, port: int) -> Spec:
    """MLflow's server on loopback."""
    command = mlflow_server(settings, port, sys.executable)
    url = f"http://127.0.0.1:{port}{STATIC_PREFIX}/health"
    return Spec("mlflow", command.line, command.environment, lambda: answers(url))


def app_url(settings: Settings) -> str:
    """The address a person on this machine opens."""
    host = settings.host if settings.host not in {"0.0.0.0", "::", ""} else "127.0.0.1"  # noqa: S104 - compared
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def answers(url: str) -> bool:
    """Whether the URL answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=_PROBE_S) as response:  # noqa: S310 - our own loopback URL
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
