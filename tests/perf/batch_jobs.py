"""What the benches of batches share: a folder of images, whole jobs over HTTP, the plain loop over the same files."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import cv2
import httpx

from registry.testing.platform import Running, lift_limits, running_platform, signed_in
from registry.vision.samples import find_samples
from tests.perf.bench_predict import publish
from tests.perf.clients import together
from tests.perf.predict_loop import PredictLoop

MODEL = "bench"
_DEADLINE_S = 1_800.0
_POLL_S = 0.5


def write_images(folder: Path, count: int) -> list[Path]:
    """So many 720p JPEGs, no two alike: photographs, each moved by another number of pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    photos = [cv2.resize(cv2.imread(str(sample.path)), (1400, 800)) for sample in find_samples()]
    paths = []
    for number in range(count):
        photo, left, top = photos[number % len(photos)], number % 120, number % 80
        path = folder / f"{number:05d}.jpg"
        cv2.imwrite(str(path), photo[top : top + 720, left : left + 1280], [cv2.IMWRITE_JPEG_QUALITY, 90])
        paths.append(path)
    return paths


def loop_seconds(network: Path, paths: Sequence[Path], cores: int) -> float:
    """What the best plain loop takes for the files: one session of one thread on each core, decoding included."""
    loops, turn = [PredictLoop(network, threads=1) for _ in range(cores)], iter(paths)
    lock = threading.Lock()

    def work(loop: PredictLoop) -> None:
        while True:
            with lock:
                path = next(turn, None)
            if path is None:
                return
            loop(path.read_bytes())

    return together([partial(work, loop) for loop in loops])


@dataclass(frozen=True, slots=True)
class Ended:
    """A job that succeeded: seconds from its submission to its first work, and from there to its stored results."""

    to_start_s: float
    seconds: float
    found: int


@dataclass(frozen=True, slots=True)
class Jobs:
    """A platform that runs batches over one folder."""

    running: Running
    client: httpx.Client
    folder: Path

    def run(self, number: int) -> Ended:
        """One whole job; `number` tells it from the others, or it were the same. Raises RuntimeError if it fails."""
        given = {"model": MODEL, "folder": str(self.folder), "confidence": str(0.25 + number / 1e6)}
        job = self.client.post("/api/v1/inference/batch", data=given).raise_for_status().json()
        deadline = time.monotonic() + _DEADLINE_S
        while job["state"] in {"queued", "running"}:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the job did not end: {job}")
            time.sleep(_POLL_S)
            job = self.client.get(f"/api/v1/inference/jobs/{job['id']}").raise_for_status().json()
        if job["state"] != "succeeded" or job["result"]["failed_total"]:
            raise RuntimeError(f"the job ended otherwise: {job['state']}, {job['error']}, {job['result']}")
        created, started, ended = (_time(job[name]) for name in ("created_at", "started_at", "finished_at"))
        return Ended(started - created, ended - started, job["result"]["found"])


@contextmanager
def running_jobs(home: Path, network: Path, folder: Path, **further: str) -> Iterator[Jobs]:
    """A platform with Prefect, a runner and the network, whose batches may read the folder."""
    places = {"batch_folders": str(folder), **further}
    with running_platform(home, jobs=True, further=places) as running, signed_in(running) as client:
        lift_limits(running)
        publish(running, network, MODEL)
        yield Jobs(running, client, folder)


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
