"""Timing many ways to run a model in turn, so that a machine that slows down for a while slows all of them."""

import gc
import math
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from registry.errors import Cancelled, RegistryError
from registry.jobs.beside import beside
from registry.runtime.adaptive_session import Host
from registry.runtime.card import MODEL_FILE
from registry.runtime.host_choice import Backend, HostChoice, Precision
from registry.runtime.loading import load
from registry.runtime.metrics import EngineMetrics
from registry.runtime.run_deadline import RUN_SECONDS
from registry.runtime.vision_model import VisionModel
from registry.tuning.table import Figures, Goal
from registry.tuning.variants import Variant
from registry.tuning.watch import Watch
from registry.vision.images import ImageBgr

_BLOCK_S = 0.12  # a block lasts about so long
_FEWEST, _MOST = 2, 40  # images in a block
_WARM_UP = 3


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """A variant on a backend: what a row of the table is about."""

    variant: Variant
    backend: Backend
    precision: Precision = "f32"


@dataclass(slots=True)
class Lane:
    """One way with a number of threads, or of runs side by side; `times_ms` holds each block's time for an image."""

    way: Way
    threads: int
    sessions: int
    network: VisionModel
    load: "_Load"
    block: int = _FEWEST
    times_ms: list[float] = field(default_factory=list)

    def warm_up(self, images: Sequence[ImageBgr], watch: Watch) -> None:
        """Run until memory and threads are there, and settle how many images a block has. Raises Cancelled."""
        took_ms = []
        for _ in range(1 + _WARM_UP):
            watch.check()
            took_ms.append(self.time_block(images))
        took_s = statistics.median(took_ms[1:]) / 1e3
        self.block = min(_MOST, max(_FEWEST, round(_BLOCK_S / max(took_s, 1e-6) / self.sessions)))

    def time_block(self, images: Sequence[ImageBgr]) -> float:
        """Milliseconds for each image, over one block."""
        self.load.alone = self.sessions == 1
        self._answer(images, 0, 1)  # the first after others ran is not counted
        started = time.perf_counter()
        if self.sessions == 1:
            self._answer(images, 0, self.block)
        else:
            with ThreadPoolExecutor(self.sessions) as pool:
                list(pool.map(lambda at: self._answer(images, at, self.block), range(self.sessions)))
        return (time.perf_counter() - started) * 1e3 / (self.block * self.sessions)

    def _answer(self, images: Sequence[ImageBgr], offset: int, count: int) -> None:
        for index in range(count):
            self.network.predict(images[(offset + index) % len(images)])


@dataclass(slots=True)
class _Load:
    alone: bool = True


@dataclass(frozen=True, slots=True)
class Bench:
    """Where things are run: the threads of one run, the pictures, the folder that keeps what TensorRT builds, and the
    longest that a run may take for an image.
    """

    threads: int
    images: Sequence[ImageBgr]
    prepared: Path
    engines: Path
    run_seconds: float = RUN_SECONDS

    def open(self, way: Way, choice: HostChoice, load_now: "_Load | None" = None) -> VisionModel:
        """A way as serving would run it by this choice. Raises what `load` does."""
        now = load_now or _Load()
        host = Host(
            choice.threads,
            lambda: now.alone,
            EngineMetrics(),
            self.prepared,
            self.engines,
            run_seconds=self.run_seconds,
        )
        network = load({MODEL_FILE: way.variant.model_bytes}, way.variant.card, host=host, choice=choice)
        network.warm_up()
        return network

    def lanes(self, way: Way, goal: Goal | None = None) -> list[Lane]:
        """What a goal is about, or everything: all threads for one image and one for each of several, one thread
        alone, and pairs of runs where there are many cores.
        """
        most, lanes = self.threads, list[Lane]()
        arrangements = [(most, 1, most)]
        if not way.backend.on_gpu:
            arrangements += [(1, 1, 1)] if most > 1 else []
            arrangements += [(most // 2, most // 2, 2)] if most >= 4 else []
        for alone, each, sessions in arrangements:
            choice = HostChoice(
                backend=way.backend, threads=alone, beside=each, sessions=sessions, precision=way.precision
            )
            now = _Load()
            network = self.open(way, choice, now)
            if goal != "throughput":
                lanes.append(Lane(way, alone, 1, network, now))
            if sessions > 1 and goal != "latency":
                lanes.append(Lane(way, each, sessions, network, now))
        return lanes


@contextmanager
def opened(
    bench: Bench, ways: Sequence[Way], goal: Goal | None, watch: Watch
) -> Iterator[tuple[list[Lane], dict[Way, str]]]:
    """A lane for each arrangement of each way, and why a way has none. Raises Cancelled."""
    lanes: list[Lane] = []
    failed: dict[Way, str] = {}
    for way in ways:
        try:
            lanes += beside(watch.check, partial(bench.lanes, way, goal))
        except Cancelled:
            raise
        except RegistryError as error:
            failed[way] = error.message
    try:
        yield lanes, failed
    finally:
        lanes.clear()
        gc.collect()


def take_turns(lanes: Sequence[Lane], images: Sequence[ImageBgr], rounds: int, watch: Watch, until: float) -> int:
    """Time a block of each lane in turn, `rounds` times at most; returns how many there were.

    After the third round the time that may be spent (`until`, a share of the watch's) ends it too. Memory and threads
    of all of them are there before the first is timed.
    """
    for lane in lanes:
        lane.warm_up(images, watch)
    for done in range(rounds):
        if done >= 3 and watch.spent > until:
            return done
        for lane in lanes:
            watch.check()
            lane.times_ms.append(lane.time_block(images))
    return rounds


def figures(lane: Lane, default: Lane) -> Figures:
    """A lane's figures beside those of the default in the same rounds."""
    ratios = [theirs / ours for ours, theirs in zip(lane.times_ms, default.times_ms, strict=True)]
    p25, ms, p75 = np.percentile(lane.times_ms, (25, 50, 75)).tolist()
    return Figures(ms, p25, p75, statistics.median(ratios), _surely(ratios), len(ratios))


def _surely(ratios: Sequence[float]) -> float:
    """The lower end of the 95 % confidence interval of the median, from the ranks (binomial, normal approximation)."""
    count = len(ratios)
    return sorted(ratios)[max(0, math.floor((count - 1.96 * math.sqrt(count)) / 2))]
