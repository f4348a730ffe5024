"""An administrator at a platform with its demo camera, over HTTP."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psutil
import pytest

from registry.testing.platform import Running


class Walk:
    """An administrator at a platform with its demo camera."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.http = httpx.Client(base_url=running.url, timeout=30)
        self.http.headers.update(self.sign_in(running.username, running.password))
        self.wait(lambda: self.http.get("/api/v1/cameras").json()["total"] == 1, "the demo camera")
        self.camera_id = self.http.get("/api/v1/cameras").json()["items"][0]["id"]

    def sign_in(self, username: str, password: str) -> dict[str, str]:
        given = {"username": username, "password": password}
        token = self.http.post("/api/v1/auth/login", json=given).raise_for_status().json()["access_token"]
        return {"Authorization": f"Bearer {token}"}

    def info(self, camera_id: str = "") -> dict[str, Any]:
        answer = self.http.get(f"/api/v1/cameras/{camera_id or self.camera_id}/stream-info").raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def inferred(self) -> dict[str, int]:
        found: dict[str, int] = self.info()["account"]["inferred"]
        return found

    def wait(self, true: Callable[[], object], what: str, most_s: float = 120.0) -> float:
        began = time.monotonic()
        while time.monotonic() - began < most_s:
            if true():
                return time.monotonic() - began
            time.sleep(0.1)
        log = (self.running.settings.logs / "worker.log").read_text()[-2_000:]
        pytest.fail(f"{what} did not come true within {most_s:g} s\n{log}")

    @contextmanager
    def live(self, headers: dict[str, str] | None = None, camera_id: str = "") -> Iterator[httpx.Response]:
        with self.http.stream("GET", f"/live/{camera_id or self.camera_id}.mjpg", headers=headers) as response:
            yield response

    def udp_sockets(self) -> int:
        """How many the platform has open: one or more for each WebRTC connection."""
        processes = psutil.Process(self.running.process.pid).children(recursive=True)
        return sum(len(process.net_connections("udp")) for process in processes if process.is_running())

    def decoders(self) -> set[int]:
        """The children of the platform's processes that read a picture's source."""
        processes = psutil.Process(self.running.process.pid).children(recursive=True)
        return {process.pid for process in processes if process.is_running() and "ffmpeg" in process.name()}

    def engine(self) -> psutil.Process | None:
        """The process that holds the model: below the one that engines are forked from."""
        for process in psutil.process_iter(["cmdline", "environ"]):
            home = (process.info["environ"] or {}).get("NEXUSAI_HOME", "")
            forked = "multiprocessing.forkserver" in " ".join(process.info["cmdline"] or [])
            if home == str(self.running.settings.home) and forked and not process.children():
                parent = process.parent()
                if parent is not None and "forkserver" in " ".join(parent.cmdline()):
                    return process
        return None
