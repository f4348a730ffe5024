"""What cameras are compared with, in a process of its own: `python -m tests.perf.camera_peers ASKED` prints figures.

`plain` is the loop a person would write: a capture thread for each camera, every fifth picture looked at by whichever
of two sessions is free. `gated` is the same behind a motion gate. `ultralytics` is its own loop over many streams.
"""

import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from registry.libraries import prepare_libraries
from tests.perf.camera_run import busy_cores_s
from tests.perf.predict_loop import PredictLoop
from tests.perf.tracker_solver import need_tracker_solver

FPS, STRIDE, WARM_S = 5.0, 5, 6.0


class Plain:
    """Capture threads and two sessions of one thread, which together answer most pictures a second."""

    def __init__(self, urls: Sequence[str], network: Path) -> None:
        self.looked: Counter[str] = Counter()
        self.ages: list[float] = []
        self._network = network
        self._waiting: dict[str, tuple[float, np.ndarray]] = {}  # the newest of each camera
        self._more = threading.Condition()
        for url in urls:
            threading.Thread(target=self._capture, args=(url,), daemon=True).start()
        for _ in range(2):
            threading.Thread(target=self._infer, daemon=True).start()

    def _capture(self, url: str) -> None:
        capture, number = cv2.VideoCapture(url, cv2.CAP_FFMPEG), 0  # noqa: TID251 - the peer's way
        while capture.grab():
            number += 1
            if number % STRIDE == 0:
                at_s, (_, image) = time.monotonic(), capture.retrieve()
                with self._more:
                    self._waiting[url] = (at_s, image)
                    self._more.notify()

    def _infer(self) -> None:
        loop = PredictLoop(self._network, threads=1)
        while True:
            with self._more:
                self._more.wait_for(lambda: self._waiting)
                url = next(iter(self._waiting))
                at_s, image = self._waiting.pop(url)
            loop.look(image)
            self.looked[url] += 1
            self.ages.append(time.monotonic() - at_s)


class Ultralytics:
    """`track` over all streams at once, one tracker for each."""

    def __init__(self, urls: Sequence[str], network: Path) -> None:
        need_tracker_solver()
        self.looked: Counter[str] = Counter()
        self.ages: list[float] = []
        self._urls, self._network = list(urls), network
        threading.Thread(target=self._track, daemon=True).start()

    def _track(self) -> None:
        from ultralytics import YOLO

        with tempfile.NamedTemporaryFile("w", suffix=".streams") as listed:
            listed.write("\n".join(self._urls))
            listed.flush()
            model: Any = YOLO(str(self._network), task="detect")
            answers = model.track(
                source=listed.name, stream=True, vid_stride=STRIDE, tracker="bytetrack.yaml", imgsz=640, conf=0.1,
                verbose=False, persist=True,
            )  # fmt: skip
            for number, _ in enumerate(answers):
                self.looked[self._urls[number % len(self._urls)]] += 1


PEERS = {"plain": Plain, "ultralytics": Ultralytics}


def measure(peer: str, urls: Sequence[str], network: Path, seconds: float) -> dict[str, Any]:
    """Run a peer for so long; which share of the analysed rate it kept."""
    running = PEERS[peer](urls, network)
    deadline = time.monotonic() + 120
    while len(running.looked) < len(urls):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{peer} looked at {len(running.looked)} of {len(urls)} cameras")
        time.sleep(0.05)
    time.sleep(WARM_S)
    began, before, cpu_s, others = time.monotonic(), Counter(running.looked), time.process_time(), busy_cores_s()
    running.ages.clear()
    time.sleep(seconds)
    took_s, cpu_s = time.monotonic() - began, time.process_time() - cpu_s
    others = busy_cores_s() - others - cpu_s
    each = [(running.looked[url] - before[url]) / (FPS * took_s) for url in urls]
    ages = list(running.ages)
    return {
        "cameras": len(urls),
        "share": min(1.0, sum(min(1.0, one) for one in each) / len(urls)),
        "worst_camera": min(each),
        "cpu_ms_per_camera_second": cpu_s * 1e3 / (took_s * len(urls)),
        "others_cores": others / took_s,
        "age_ms": {"p50": np.quantile(ages, 0.5) * 1e3, "p95": np.quantile(ages, 0.95) * 1e3} if ages else {},
    }


def main(asked: dict[str, Any]) -> None:
    """Do what was asked, and print the figures as one line of JSON, the last."""
    prepare_libraries()
    print(json.dumps(measure(asked["peer"], asked["urls"], Path(asked["network"]), asked["seconds"])), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
    os._exit(0)  # its threads read for ever, and take no order to end
