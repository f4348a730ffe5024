"""`make soak`: four cameras for half an hour before a sink that takes five seconds a call; nothing may grow."""

import json
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import psutil

from registry.cameras.configuration import AnalysisSettings, RuleSettings
from registry.streams import Account, Camera, Detector, Notice, Pipeline, parse_source
from registry.testing.watched import wait_until
from tests.faults.chaos import FOLDER, POLICY, Footprint
from tests.perf.camera_run import asking, engine_of, home
from tests.perf.camera_sources import clip, sources
from tests.perf.predict_loop import make_yolo11n_onnx
from tests.perf.report import machine, versions
from tests.perf.square_network import make_square_network

CAMERAS, MINUTES, WARM_MINUTES, EVERY_S, SLEEPS_S = 4, 30.0, 5.0, 2.0, 5.0
MOST_MIB_A_MINUTE, _A_MINUTE = 1.0, round(60 / EVERY_S)


@dataclass(frozen=True, slots=True)
class Sample:
    """Memory of this process and its children: resident, and with shared pages counted once."""

    at_s: float
    rss_mib: float
    pss_mib: float

    @classmethod
    def now(cls) -> "Sample":
        """Taken now."""
        rss = pss = 0
        process = psutil.Process()
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess, FileNotFoundError):
                memory = each.memory_full_info()
                rss, pss = rss + memory.rss, pss + memory.pss
        return cls(time.monotonic(), rss / 2**20, pss / 2**20)


@dataclass(slots=True)
class SlowSink:
    """Takes its time for each notice, until it is let go."""

    sleeps_s: float = SLEEPS_S
    calls: int = 0
    let_go: threading.Event = field(default_factory=threading.Event)

    def __call__(self, _notice: Notice) -> None:
        """Take it."""
        self.calls += 1
        self.let_go.wait(self.sleeps_s)


@dataclass(frozen=True, slots=True)
class Soaked:
    """What a soak showed."""

    samples: list[Sample]
    before: Footprint
    after: Footprint
    accounts: list[Account]
    calls: int
    skipped: int
    lost: int

    @property
    def balanced(self) -> bool:
        """Whether every frame of every camera has its one end."""
        return all(each.balanced and not each.pending for each in self.accounts)


def slopes(samples: Sequence[Sample]) -> dict[str, float]:
    """MiB a minute, by least squares, of each measure of memory."""
    minutes = np.array([each.at_s for each in samples]) / 60
    return {
        "rss": float(np.polyfit(minutes, [each.rss_mib for each in samples], 1)[0]),
        "pss": float(np.polyfit(minutes, [each.pss_mib for each in samples], 1)[0]),
    }


def soak(
    urls: Sequence[str], detector: Detector, *, warm_s: float, seconds: float, every_s: float, sink: SlowSink
) -> Soaked:
    """Watch the cameras with rules that fire all the time; samples begin after the warm-up."""
    rules = [RuleSettings(name="always", min_score=0.0, cool_down_s=0.0)]
    pipeline = Pipeline(POLICY, (sink,))
    names = [f"camera-{number}" for number in range(len(urls))]
    try:
        for name, url in zip(names, urls, strict=True):
            pipeline.add(
                Camera(name, parse_source(url, POLICY), analysis=AnalysisSettings(rules=rules).options()), detector
            )
        wait_until(lambda: all(pipeline.account(name).captured > 5 for name in names), 90)
        time.sleep(warm_s)
        before, ends, samples = Footprint.settled(), time.monotonic() + seconds, []
        while time.monotonic() < ends:
            samples.append(Sample.now())
            time.sleep(every_s)
        after = Footprint.settled()
    finally:
        sink.let_go.set()
        pipeline.close()
    accounts, pump = [pipeline.account(name) for name in names], pipeline.pumps[0]
    return Soaked(samples, before, after, accounts, sink.calls, pump.skipped, pump.lost)


def report(it: Soaked) -> dict[str, Any]:
    """Figures and verdict."""
    growing = slopes(it.samples)
    flat = it.after.is_within(it.before)
    return {
        "name": "soak",
        "cameras": len(it.accounts),
        "seconds": it.samples[-1].at_s - it.samples[0].at_s,
        "mib_a_minute": growing,
        "most_mib_a_minute": MOST_MIB_A_MINUTE,
        "mib": [asdict(each) for each in (*it.samples[:-1:_A_MINUTE], it.samples[-1])],
        "footprint": {"before": asdict(it.before), "after": asdict(it.after)},
        "sink": {"calls": it.calls, "skipped": it.skipped, "lost": it.lost},
        "accounts": [asdict(each) for each in it.accounts],
        "balanced": it.balanced,
        "holds": max(growing.values()) < MOST_MIB_A_MINUTE and flat and it.balanced,
        "machine": machine(),
        "versions": versions(),
    }


def line(told: dict[str, Any]) -> str:
    """The report in one line."""
    growing, marks = told["mib_a_minute"], told["footprint"]
    return (
        f"soak: {told['cameras']} cameras, {told['seconds'] / 60:.1f} min: RSS {growing['rss']:+.2f}, "
        f"PSS {growing['pss']:+.2f} MiB a minute (< {told['most_mib_a_minute']:g}), "
        f"files {marks['before']['files']}→{marks['after']['files']}, "
        f"threads {marks['before']['threads']}→{marks['after']['threads']}, "
        f"children {marks['before']['children']}→{marks['after']['children']}, "
        f"accounts {'balanced' if told['balanced'] else 'NOT BALANCED'}: {'holds' if told['holds'] else 'MISSED'}"
    )


def main(minutes: float = MINUTES, warm_minutes: float = WARM_MINUTES) -> int:
    """With a worker's engine behind the cameras; writes build/chaos/soak.json and prints its line."""
    build = FOLDER.parent / "bench"
    network = make_square_network(make_yolo11n_onnx(build / "yolo11n-shaped.onnx"), build / "yolo11n-square.onnx")
    film = clip(1.0, (640, 360))
    with home() as settings, sources(CAMERAS, film) as source, engine_of(settings, network) as engine:
        detector = Detector(engine.version.reference, asking(engine))
        it = soak(
            source.urls, detector, warm_s=warm_minutes * 60, seconds=minutes * 60, every_s=EVERY_S, sink=SlowSink()
        )
    told = report(it)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "soak.json").write_text(json.dumps(told, indent=2, default=str) + "\n", encoding="utf-8")
    print(line(told))
    return 0 if told["holds"] else 1


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:3])))
