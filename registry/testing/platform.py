"""A temporary platform for tests and benches: a home in a folder, real processes on free ports."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from registry.access.accounts import Accounts
from registry.access.actor import local_actor
from registry.access.live import Change, Live, SettingsEditor
from registry.errors import ProcessFailed
from registry.models.process import free_port, wait_for
from registry.records import Role, open_database
from registry.settings import PROJECT_ROOT, Settings, child_environment, load_settings

ADMIN, PASSWORD = "ada", "correct horse battery"
_READY_S = 300.0


@dataclass(frozen=True, slots=True)
class Running:
    """A started platform: where it answers, its supervisor's process, and an administrator's name and password."""

    url: str
    settings: Settings
    process: subprocess.Popen[bytes]
    username: str = ADMIN
    password: str = PASSWORD


def nexusai(*arguments: str, python: str = sys.executable) -> list[str]:
    """The command line of `nexusai` with this interpreter, or with another environment's."""
    return [python, "-m", "app.cli.main", *arguments]


@contextmanager
def running_platform(
    home: Path,
    *,
    demo: bool = False,
    administrator: bool = True,
    jobs: bool = False,
    cameras: bool = False,
    python: str = sys.executable,
    further: Mapping[str, str] | None = None,
) -> Iterator[Running]:
    """The whole platform, as `nexusai up` starts it, until the block ends. Raises ProcessFailed.

    Without `administrator` it is as new: `nexusai admin setup-token` tells the way in. With `jobs` Prefect and a
    runner belong to it, which take a while to start; with `cameras` a camera worker. `python` may be that of another
    environment; `further` are settings beside home and address.
    """
    here = {"jobs_here": jobs, "cameras_here": cameras}
    settings = load_settings(home=home, port=free_port(), host="127.0.0.1", **here, **(further or {}))
    settings.prepare_home()
    environment = child_environment(settings)
    if administrator:
        _make_administrator(settings)
    log = settings.logs / "up.log"
    process = _start(nexusai("up", *(["--demo"] if demo else []), python=python), environment, log)
    try:
        wait_for(process, f"http://127.0.0.1:{settings.port}/health/ready", log)
        if demo:
            _wait_for_line(process, log, "Sign in")
        yield Running(f"http://127.0.0.1:{settings.port}", settings, process)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@contextmanager
def signed_in(running: Running) -> Iterator[httpx.Client]:
    """An HTTP client of the administrator."""
    with httpx.Client(base_url=running.url, timeout=60) as client:
        given = {"username": running.username, "password": running.password}
        token = client.post("/api/v1/auth/login", json=given).raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def change_settings(running: Running, **values: Any) -> None:
    """Set live settings by name; waits until they count in every process."""
    database = open_database(running.settings.records_url)
    changes = {name: Change(value=value) for name, value in values.items()}
    SettingsEditor(database, Live(database, running.settings)).bulk(local_actor(), changes)
    database.close()
    time.sleep(2)


def lift_limits(running: Running) -> None:
    """Let everybody ask as fast as they can, with one token all day."""
    change_settings(running, limits_on=False, access_token_minutes=1_440)


def _make_administrator(settings: Settings) -> None:
    """As `nexusai admin create` does, without waiting for another interpreter."""
    database = open_database(settings.records_url)
    database.upgrade()
    Accounts(database, settings).create(local_actor(), ADMIN, PASSWORD, Role.ADMIN)
    database.close()


def _start(line: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as file:
        return subprocess.Popen(  # noqa: S603 - our own command
            line, env=environment, stdout=file, stderr=subprocess.STDOUT, cwd=PROJECT_ROOT
        )


def _wait_for_line(process: subprocess.Popen[bytes], log: Path, text: str) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline and process.poll() is None:
        if text in log.read_text(encoding="utf-8", errors="replace"):
            return
        time.sleep(0.1)
    raise ProcessFailed(f"{text!r} was not said: {_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-800:]
