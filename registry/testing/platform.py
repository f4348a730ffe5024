"""A temporary platform for tests and benches: a home in a folder, real processes on free ports."""

import signal
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

from registry.errors import ProcessFailed
from registry.models.process import mlflow_server
from registry.models.server import announce, tracking_uri, withdraw
from registry.settings import PROJECT_ROOT, Settings, child_environment, load_settings

ADMIN, PASSWORD = "ada", "correct horse battery"
_READY_S = 120.0


@dataclass(frozen=True, slots=True)
class Running:
    """A started platform: where it answers, its supervisor's process, and an administrator's name and password."""

    url: str
    settings: Settings
    process: subprocess.Popen[bytes]
    username: str = ADMIN
    password: str = PASSWORD


def free_port() -> int:
    """A loopback port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def nexusai(*arguments: str, python: str = sys.executable) -> list[str]:
    """The command line of `nexusai` with this interpreter, or with another environment's."""
    return [python, "-m", "app.cli.main", *arguments]


@contextmanager
def running_platform(
    home: Path, *, demo: bool = False, administrator: bool = True, python: str = sys.executable
) -> Iterator[Running]:
    """The whole platform, as `nexusai up` starts it, until the block ends. Raises ProcessFailed.

    Without `administrator` it is as new: `nexusai admin setup-token` tells the way in. `python` may be that of
    another environment.
    """
    settings = load_settings(home=home, port=free_port(), host="127.0.0.1")
    settings.prepare_home()
    environment = child_environment(settings)
    if administrator:
        create = nexusai("admin", "create", "--username", ADMIN, "--password-stdin", python=python)
        subprocess.run(create, input=PASSWORD.encode(), env=environment, check=True, cwd=PROJECT_ROOT)  # noqa: S603
    log = settings.logs / "up.log"
    process = _start(nexusai("up", *(["--demo"] if demo else []), python=python), environment, log)
    try:
        _wait(process, f"http://127.0.0.1:{settings.port}/health/ready", log)
        if demo:
            _wait_for_line(process, log, "Sign in")
        yield Running(f"http://127.0.0.1:{settings.port}", settings, process)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@contextmanager
def running_mlflow(settings: Settings) -> Iterator[str]:
    """The home's MLflow server alone, running until the block ends; gives its URI. Raises ProcessFailed."""
    settings.prepare_home()
    port = free_port()
    announce(settings, port)
    log = settings.logs / "mlflow.log"
    command = mlflow_server(settings, port, sys.executable)
    process = _start(command.line, command.environment, log)
    try:
        _wait(process, f"{tracking_uri(settings)}/health", log)
        yield tracking_uri(settings)
    finally:
        withdraw(settings)
        process.terminate()
        process.wait(10)


def _start(line: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as file:
        return subprocess.Popen(  # noqa: S603 - our own command
            line, env=environment, stdout=file, stderr=subprocess.STDOUT, cwd=PROJECT_ROOT
        )


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own loopback URL
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise ProcessFailed(f"{url} did not answer: {_tail(log)}")


def _wait_for_line(process: subprocess.Popen[bytes], log: Path, text: str) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline and process.poll() is None:
        if text in log.read_text(encoding="utf-8", errors="replace"):
            return
        time.sleep(0.1)
    raise ProcessFailed(f"{text!r} was not said: {_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-800:]
