"""An administrator at a platform with its demo camera, over HTTP."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from registry.access.live import Live
from registry.cameras.events import Events
from registry.models.starters import local_card, local_files
from registry.records import open_database
from registry.runtime.card import ModelCard
from registry.settings import Settings
from registry.storage import open_storage
from registry.testing.platform import Running
from registry.testing.set_clock import SetClock
from registry.training.datasets.catalogue import Datasets
from registry.training.datasets.changes import DatasetChanges
from registry.training.datasets.event_samples import EventSamples
from registry.training.datasets.workspace import Workspace

PLAY = """async (url) => {
  const video = document.createElement('video')
  video.muted = true
  video.src = url
  document.body.append(video)
  await video.play()
  await new Promise(done => video.addEventListener('timeupdate', () => video.currentTime > 0.5 && done()))
  video.currentTime = video.duration - 1
  await new Promise(done => video.addEventListener('seeked', done, {once: true}))
  return {seconds: video.duration, at: video.currentTime, width: video.videoWidth}
}"""


class Walk:
    """An administrator at a platform with its demo camera, and its clock where that can be set."""

    def __init__(self, running: Running, clock: SetClock | None = None) -> None:
        self.running = running
        self._clock = clock
        self.http = httpx.Client(base_url=running.url, timeout=30)
        self.http.headers.update(self.sign_in(running.username, running.password))
        self.wait(lambda: self.http.get("/api/v1/cameras").json()["total"] == 1, "the demo camera")
        self.camera_id = self.http.get("/api/v1/cameras").json()["items"][0]["id"]

    @property
    def clock(self) -> SetClock:
        assert self._clock is not None
        return self._clock

    def sign_in(self, username: str, password: str) -> dict[str, str]:
        given = {"username": username, "password": password}
        token = self.http.post("/api/v1/auth/login", json=given).raise_for_status().json()["access_token"]
        return {"Authorization": f"Bearer {token}"}

    def info(self, camera_id: str = "") -> dict[str, Any]:
        answer = self.http.get(f"/api/v1/cameras/{camera_id or self.camera_id}/stream-info").raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def inferred(self, camera_id: str = "") -> dict[str, int]:
        found: dict[str, int] = self.info(camera_id)["account"]["inferred"]
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

    def worker(self) -> psutil.Process | None:
        """The process that runs the cameras."""
        for process in psutil.Process(self.running.process.pid).children(recursive=True):
            with suppress(psutil.Error):
                if process.cmdline()[-2:] == ["-m", "app.worker"]:
                    return process
        return None


def event_samples(settings: Settings) -> EventSamples:
    """What sends events to datasets."""
    database = open_database(settings.records_url)
    live = Live(database, settings)
    events = Events(database, open_storage(settings.storage_root, settings.storage_endpoint), live)
    return EventSamples(
        database, events, DatasetChanges(settings, database, live, Datasets(database, Workspace(settings)))
    )


def digit_detector(settings: Settings) -> tuple[dict[str, bytes], ModelCard]:
    """The files and the card of the starter model."""
    entry = next(each for each in settings.read_mlflow_file().catalogue if each.name == "digit-detector")
    return {name: path.read_bytes() for name, path in local_files(entry).items()}, local_card(entry)


def play_film(path: Path) -> None:
    """Put a film of ten seconds where cameras may play it."""
    path.parent.mkdir(exist_ok=True)
    source = ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=10", "-pix_fmt", "yuv420p", "-g", "25"]
    subprocess.run([get_ffmpeg_exe(), "-v", "error", *source, str(path)], check=True)
