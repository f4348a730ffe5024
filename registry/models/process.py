"""Starting MLflow's server for a home."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from registry.errors import MlflowUnavailable, ProcessFailed
from registry.models.server import STATIC_PREFIX, announce, tracking_uri, withdraw
from registry.settings import Settings, child_environment

_READY_S, _PROBE_S, _GRACE_S = 300.0, 5.0, 10.0


@dataclass(frozen=True, slots=True)
class Command:
    """A command line with its environment."""

    line: list[str]
    environment: dict[str, str]


def mlflow_server(settings: Settings, port: int, python: str) -> Command:
    """MLflow's server on loopback: one process, its own SQLite file and artifacts folder in the home.

    `mlflow server` would keep a second interpreter of 280 MB only to wait for this one, so the same ASGI
    application is started directly, with the variables that command would set (mlflow/server/constants.py).
    """
    home = settings.home
    environment = child_environment(
        settings,
        _MLFLOW_SERVER_FILE_STORE=f"sqlite:///{settings.mlflow_database}",
        _MLFLOW_SERVER_ARTIFACT_ROOT="mlflow-artifacts:/",
        _MLFLOW_SERVER_ARTIFACT_DESTINATION=(home / "mlflow-artifacts").as_uri(),
        _MLFLOW_SERVER_SERVE_ARTIFACTS="true",
        _MLFLOW_STATIC_PREFIX=STATIC_PREFIX,
        _MLFLOW_SGI_NAME="uvicorn",
        MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",  # its job runners are eight processes of 280 MB
        MLFLOW_SERVER_ALLOWED_HOSTS=f"127.0.0.1:{port},localhost:{port}",
        MLFLOW_DISABLE_TELEMETRY="true",
        DO_NOT_TRACK="true",
    )
    address = ["--host", "127.0.0.1", "--port", str(port), "--no-access-log", "--timeout-graceful-shutdown", "3"]
    return Command([python, "-m", "uvicorn", "mlflow.server.fastapi_app:app", *address], environment)


@contextmanager
def mlflow_at_hand(settings: Settings) -> Iterator[str]:
    """The URI of the home's MLflow server: the one that runs, or one of our own until the block ends.

    Raises ProcessFailed when it does not start.
    """
    try:
        uri = tracking_uri(settings)
    except MlflowUnavailable:
        with running_mlflow(settings) as own:
            yield own
    else:
        yield uri


@contextmanager
def running_mlflow(settings: Settings) -> Iterator[str]:
    """A server for the home, running until the block ends; gives its URI. Raises ProcessFailed."""
    settings.prepare_home()
    port = free_port()
    command, log = mlflow_server(settings, port, sys.executable), settings.logs / "mlflow.log"
    with log.open("ab") as file:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command.line, env=command.environment, stdout=file, stderr=subprocess.STDOUT
        )
    announce(settings, port)
    try:
        wait_for(process, f"{tracking_uri(settings)}/health", log)
        yield tracking_uri(settings)
    finally:
        withdraw(settings)
        process.terminate()
        process.wait(_GRACE_S)


def wait_for(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Wait until a process answers at a loopback URL. Raises ProcessFailed with the end of its log."""
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=_PROBE_S):  # noqa: S310 - our own loopback URL
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    said = log.read_text(encoding="utf-8", errors="replace")[-800:]
    raise ProcessFailed(f"{url} did not answer: {said}")


def free_port() -> int:
    """A loopback port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
