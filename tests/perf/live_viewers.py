"""What a camera's viewers cost its analysis: with nobody watching, then with five people, one after the other."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean

import httpx
from aiortc.mediastreams import MediaStreamError

from registry.testing.platform import Running, signed_in
from registry.testing.webrtc_viewer import watching

MJPEG_VIEWERS, ROUNDS = 4, 2
WINDOW_S, _SETTLING_S = 22.0, 2.0  # ages are those of the last hundred results: twenty seconds
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Window:
    """Some seconds of a camera: what was analysed of it, and how old results were."""

    analysed_fps: float
    age_p50_ms: float
    age_p95_ms: float


@dataclass(frozen=True, slots=True)
class Viewing:
    """Both ways, averaged over the rounds, and how many pictures the viewers got in a second, all together."""

    alone: Window
    watched: Window
    mjpeg_fps: float
    webrtc_fps: float


def measure(running: Running, camera_id: str) -> Viewing:
    """By turns. The camera has to be live, with a model."""
    alone: list[Window] = []
    watched: list[Window] = []
    mjpeg, webrtc = 0, 0
    with signed_in(running) as client:
        for _ in range(ROUNDS):
            alone.append(_window(client, camera_id))
            with _viewers(running, camera_id, dict(client.headers)) as got:
                watched.append(_window(client, camera_id))
                mjpeg, webrtc = mjpeg + got["mjpeg"], webrtc + got["webrtc"]
    spent_s = ROUNDS * (WINDOW_S + _SETTLING_S)
    return Viewing(_mean(alone), _mean(watched), mjpeg / spent_s, webrtc / spent_s)


def _window(client: httpx.Client, camera_id: str) -> Window:
    time.sleep(_SETTLING_S)
    (began, before), _ = _told(client, camera_id)
    time.sleep(WINDOW_S)
    (ended, after), ages = _told(client, camera_id)
    return Window((after - before) / (ended - began), ages["median"], ages["p95"])


def _told(client: httpx.Client, camera_id: str) -> tuple[tuple[float, int], dict[str, float]]:
    """A fresh report: when it came, frames analysed so far, ages."""
    first = None
    while True:
        info = client.get(f"/api/v1/cameras/{camera_id}/stream-info").raise_for_status().json()
        first = first or info["reported_at"]
        if info["reported_at"] != first:
            return (time.monotonic(), sum(info["account"]["inferred"].values())), info["age_ms"]
        time.sleep(_POLL_S)


def _mean(windows: list[Window]) -> Window:
    return Window(
        fmean(each.analysed_fps for each in windows),
        fmean(each.age_p50_ms for each in windows),
        fmean(each.age_p95_ms for each in windows),
    )


@contextmanager
def _viewers(running: Running, camera_id: str, headers: dict[str, str]) -> Iterator[dict[str, int]]:
    """Four who watch as MJPEG and one by WebRTC; how many pictures each kind has got so far."""
    got, ending = {"mjpeg": 0, "webrtc": 0}, threading.Event()
    proof = {"authorization": headers["authorization"]}
    lock = threading.Lock()

    def mjpeg() -> None:
        with httpx.stream("GET", f"{running.url}/live/{camera_id}.mjpg", headers=proof, timeout=30) as pictures:
            for part in pictures.iter_raw():
                with lock:
                    got["mjpeg"] += part.count(b"--picture\r\n")
                if ending.is_set():
                    return

    async def webrtc() -> None:
        async with watching(f"{running.url}/live/{camera_id}/offer", proof) as watched:
            while not ending.is_set():
                try:
                    await watched.picture()
                except MediaStreamError:
                    return
                got["webrtc"] += 1

    threads = [threading.Thread(target=mjpeg) for _ in range(MJPEG_VIEWERS)]
    threads.append(threading.Thread(target=lambda: asyncio.run(webrtc())))
    for thread in threads:
        thread.start()
    try:
        yield got
    finally:
        ending.set()
        for thread in threads:
            thread.join(10)
