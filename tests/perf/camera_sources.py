"""Cameras of 720p in a process of their own: `python -m tests.perf.camera_sources CAMERAS CLIP SEED` prints their URLs.

Each plays the same H.264 clip over real RTSP at its own pace, from a second of its own. It stands for other machines,
so it is given its processor time first where that is allowed; how much it took is told by who started it.
"""

import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from signal import pause

import psutil

from registry.settings import PROJECT_ROOT
from registry.testing.bright_squares import bright_square_clip
from registry.testing.h264 import pictures_of, rtp_payloads
from registry.testing.rtsp_server import RtspCamera

FPS, CLIP_S, DUTY = 25, 20.0, 0.2
NOISE = 8  # makes 720p of 1.6 Mbit/s


class _Shifted(RtspCamera):
    """Begins somewhere in its clip."""

    first = 0

    def load(self, annex_b: bytes) -> None:
        self._pictures = _packed(annex_b)

    def serve(self, caller: socket.socket) -> None:
        caller.settimeout(120)  # a viewer may have nothing to say for half a minute
        super().serve(caller)

    def picture(self, number: int) -> list[bytes]:
        return super().picture(number + self.first)


@cache
def _packed(annex_b: bytes) -> list[list[bytes]]:
    return [rtp_payloads(units) for units in pictures_of(annex_b)]


@dataclass(frozen=True, slots=True)
class Sources:
    """The cameras' URLs, and the process behind them."""

    urls: list[str]
    process: psutil.Process

    def cpu_s(self) -> float:
        """Processor time so far."""
        times = self.process.cpu_times()
        return times.user + times.system


def clip(duty: float = DUTY, size_wh: tuple[int, int] = (1280, 720)) -> Path:
    """The clip as Annex-B, made once: a white square crosses the picture, noisy as at dusk, in a share of the time."""
    path = PROJECT_ROOT / "build" / "bench" / f"square-{size_wh[1]}p-{round(duty * 100)}.h264"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_suffix(".tmp")
        bright_square_clip(made, size_wh=size_wh, seconds=CLIP_S, duty=duty, noise=NOISE)
        made.rename(path)
    return path


@contextmanager
def sources(cameras: int, film: Path, seed: int = 1) -> Iterator[Sources]:
    """So many cameras, for as long as the block lasts."""
    command = [sys.executable, "-m", "tests.perf.camera_sources", str(cameras), str(film), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT_ROOT) as process:
        try:
            assert process.stdout is not None
            yield Sources(json.loads(process.stdout.readline()), psutil.Process(process.pid))
        finally:
            process.kill()


def main(cameras: int, film: Path, seed: int) -> None:
    """Serve until killed."""
    with suppress(OSError):
        os.nice(-5)
    annex_b, chance = film.read_bytes(), random.Random(seed)
    made = [_Shifted(annex_b) for _ in range(cameras)]
    for each in made:
        each.first = FPS * chance.randrange(round(CLIP_S * DUTY) + 1, round(CLIP_S))  # nobody in the first picture
    print(json.dumps([each.url for each in made]), flush=True)
    pause()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
