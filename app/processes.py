"""The processes of a platform: how each is started and when it is ready."""

import sys
import urllib.error
import urllib.request

from app.supervisor import Spec
from flows.prefect_server import prefect_runner, prefect_server
from flows.work_pool import job_worker as pool_worker
from registry.models.process import mlflow_server
from registry.models.server import STATIC_PREFIX
from registry.settings import PROJECT_ROOT, Settings, child_environment

_PROBE_S = 2.0
_BEHIND_PAGES = 5  # niceness: whoever looks at a page comes before what runs beside


def app(settings: Settings) -> Spec:
    """The web app with its API, on the one port that people open."""
    command = [sys.executable, "-m", "app.cli.main", "app"]
    return Spec("app", command, child_environment(settings), lambda: answers(f"{app_url(settings)}/health"))


def mlflow(settings: Settings, port: int) -> Spec:
    """MLflow's server on loopback."""
    command = mlflow_server(settings, port, sys.executable)
    url = f"http://127.0.0.1:{port}{STATIC_PREFIX}/health"
    return Spec("mlflow", command.line, command.environment, lambda: answers(url))


def prefect(settings: Settings, port: int) -> Spec:
    """Prefect's server on loopback."""
    command = prefect_server(settings, port, sys.executable)
    url = f"http://127.0.0.1:{port}/api/health"
    return Spec("prefect", command.line, command.environment, lambda: answers(url), _BEHIND_PAGES)


def runner(settings: Settings) -> Spec:
    """What hands jobs over and runs them; it waits for Prefect by itself."""
    command = prefect_runner(settings, sys.executable)
    return Spec("runner", command.line, command.environment, lambda: True, 2 * _BEHIND_PAGES)


def job_worker(settings: Settings, limit: int | None) -> Spec:
    """What runs jobs of a work pool. Raises InvalidSetting, PrefectUnavailable."""
    command = pool_worker(settings, limit)
    return Spec("job-worker", command.line, command.environment, lambda: True)


def worker(settings: Settings) -> Spec:
    """What runs cameras; with none it only waits for some."""
    command = [sys.executable, "-m", "app.worker"]
    environment = child_environment(settings, PYTHONPATH=str(PROJECT_ROOT))
    return Spec("worker", command, environment, lambda: True, _BEHIND_PAGES)


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
