"""A temporary platform: a home in a folder, an MLflow server on a free port."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry.errors import ProcessFailed
from registry.models.process import Command, mlflow_server
from registry.models.server import announce, tracking_uri, withdraw
from registry.settings import Settings

_READY_S = 90.0


def free_port() -> int:
    """A loopback port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_mlflow(settings: Settings) -> Iterator[str]:
    """The home's MLflow server, running until the block ends; gives its URI. Raises ProcessFailed."""
    settings.prepare_home()
    port = free_port()
    announce(settings, port)
    log = settings.logs / "mlflow.log"
    process = _start(mlflow_server(settings, port, sys.executable), log)
    try:
        _wait(process, f"{tracking_uri(settings)}/health", log)
        yield tracking_uri(settings)
    finally:
        withdraw(settings)
        process.terminate()
        process.wait(10)


def _start(command: Command, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as file:
        return subprocess.Popen(  # noqa: S603 - our own command
            command.line, env=command.environment, stdout=file, stderr=subprocess.STDOUT
        )


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own loopback URL
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise ProcessFailed(f"MLflow did not start: {log.read_text(encoding='utf-8', errors='replace')[-500:]}")
