"""`make chaos`: cameras under faults, how soon each is seen, how soon pictures come again, what it costs the others."""

import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from registry.settings import PROJECT_ROOT
from registry.streams import (
    Account,
    AllowedNetworks,
    AnalysisOptions,
    Camera,
    CameraState,
    Credentials,
    DecodeOptions,
    Detector,
    Pipeline,
    SanityLimits,
    SourcePolicy,
    WatchOptions,
    parse_source,
)
from registry.testing.bright_squares import bright_square_clip, detect_bright
from registry.testing.rtsp_server import CameraSettings, Mischief, RtspCamera
from registry.testing.watched import wait_until
from tests.faults.proxy import Fault, FaultProxy
from tests.perf.report import machine, versions

FOLDER = PROJECT_ROOT / "build" / "chaos"
POLICY = SourcePolicy(AllowedNetworks(loopback=True))
BOB = Credentials("bob", "right")
SEEN_MOST_S, BACK_MOST_S, OTHERS_LEAST = 2.0, 5.0, 0.95
FPS = DecodeOptions().fps
EVERY_FRAME = AnalysisOptions(motion=None, regions=None)
NETWORK = tuple(fault for fault in Fault if fault is not Fault.NONE)
CAMERA = (Mischief.FREEZE, Mischief.RUNAWAY, Mischief.MEDIA_SILENT, Mischief.NO_STREAM)
WRONG_PASSWORD, ABSENT_AT_START, ALL_AT_ONCE = "wrong password", "absent at start", "all at once"
STAYS_LIVE = {Fault.LOSS, Fault.DELAY}  # pictures go on coming
EVERY = (*NETWORK, *CAMERA, WRONG_PASSWORD, ABSENT_AT_START, ALL_AT_ONCE)
LONG = (Mischief.NO_STREAM, Mischief.MEDIA_SILENT, Mischief.BUSY, Mischief.RUNAWAY, Fault.SILENCE, Fault.HALF_OPEN)
HOLD_S = 6.0
LONG_S = 20.0  # a back-off has grown by then


@dataclass(frozen=True)
class Cycle:
    """One fault: seconds until it was seen (None: pictures went on), until they came again, the others' frames."""

    fault: str
    seen_s: float | None
    back_s: float
    others: float  # their analysed frames in the cycle over those they should have had

    @property
    def holds(self) -> bool:
        """Whether the budgets were kept."""
        seen = self.seen_s is None and self.fault in STAYS_LIVE
        seen = seen or (self.seen_s is not None and self.seen_s <= SEEN_MOST_S)
        return seen and self.back_s <= BACK_MOST_S and self.others >= OTHERS_LEAST


@dataclass
class Stand:
    """Cameras behind proxies, and the pipeline that watches them."""

    pipeline: Pipeline
    cameras: list[RtspCamera]
    proxies: list[FaultProxy]
    cycles: list[Cycle] = field(default_factory=list)

    def name(self, number: int) -> str:
        """Of a camera by its number."""
        return f"camera-{number}"

    def add(self, number: int) -> None:
        """Watch a camera."""
        url = f"rtsp://127.0.0.1:{self.proxies[number].port}/stream"
        options = WatchOptions(sanity=SanityLimits(repeated_after_s=1.5))
        camera = Camera(self.name(number), parse_source(url, POLICY, BOB), options, EVERY_FRAME)
        self.pipeline.add(camera, Detector("bright", detect_bright))

    def captured(self, number: int) -> int:
        """Frames so far."""
        return self.pipeline.account(self.name(number)).captured

    def analysed(self, number: int) -> int:
        """Frames that came out of the detector so far."""
        return sum(self.pipeline.account(self.name(number)).inferred.values())

    def is_well(self, number: int) -> bool:
        """Whether good pictures come."""
        status = self.pipeline.status(self.name(number))
        return status.state is CameraState.LIVE and not status.repeating


@contextmanager
def stand(cameras: int) -> Iterator[Stand]:
    """So many cameras, all live."""
    with tempfile.TemporaryDirectory() as folder:
        clip = bright_square_clip(Path(folder) / "clip.h264")
    made = [RtspCamera(clip, CameraSettings(BOB.username, BOB.password)) for _ in range(cameras)]
    proxies = [FaultProxy(camera.port) for camera in made]
    pipeline = Pipeline(POLICY)
    it = Stand(pipeline, made, proxies)
    try:
        for number in range(cameras):
            it.add(number)
        wait_until(lambda: all(it.is_well(number) and it.captured(number) > 5 for number in range(cameras)), 30)
        yield it
    finally:
        pipeline.close()
        for each in (*proxies, *made):
            each.close()


def run_cycle(it: Stand, fault: str, victim: int, hold_s: float = HOLD_S, unseen_s: float = 0.0) -> Cycle:
    """Do one thing to one camera, undo it, wait until it is well again.

    It is undone after `hold_s`, or once it was seen, at the latest after `unseen_s`.
    """
    others = [number for number in range(len(it.cameras)) if number != victim]
    if fault == ALL_AT_ONCE:
        return _all_at_once(it, hold_s)
    began, before = time.monotonic(), [it.analysed(number) for number in others]
    seen_s = _harm(it, fault, victim, hold_s, unseen_s)
    undone = time.monotonic()
    _undo(it, fault, victim)
    _wait_well(it, [victim])
    back_s = time.monotonic() - undone
    spent = time.monotonic() - began
    expected = int(spent * FPS)  # whole frames: where between two of them a cycle begins is chance
    shares = [(it.analysed(n) - count) / expected for n, count in zip(others, before, strict=True)]
    it.cycles.append(Cycle(fault, seen_s, back_s, min(1.0, *shares)))
    return it.cycles[-1]


def _harm(it: Stand, fault: str, victim: int, hold_s: float, unseen_s: float) -> float | None:
    if fault == ABSENT_AT_START:
        it.pipeline.remove(it.name(victim))
        it.proxies[victim].fault = Fault.ABSENT
        it.add(victim)
    elif fault == WRONG_PASSWORD:
        it.cameras[victim].settings.password = "changed"
        it.cameras[victim].hang_up()
    elif fault in set(Mischief):
        it.cameras[victim].settings.mischief = Mischief(fault)
    else:
        it.proxies[victim].fault = Fault(fault)
    began, seen_s = time.monotonic(), None
    while (held_s := time.monotonic() - began) < hold_s or (seen_s is None and held_s < unseen_s):
        if seen_s is None and not it.is_well(victim):
            seen_s = time.monotonic() - began
        time.sleep(0.01)
    return seen_s


def _undo(it: Stand, fault: str, victim: int) -> None:
    it.cameras[victim].settings.mischief = Mischief.NONE
    it.cameras[victim].settings.password = BOB.password
    it.proxies[victim].fault = Fault.NONE
    if fault == WRONG_PASSWORD:
        it.pipeline.restart(it.name(victim))  # this one needs a person


def _all_at_once(it: Stand, hold_s: float) -> Cycle:
    faults = [Fault.RESET, Fault.SILENCE, Fault.GARBAGE, Fault.HALF_OPEN]
    began = time.monotonic()
    for number, proxy in enumerate(it.proxies):
        proxy.fault = faults[number % len(faults)]
    everyone = range(len(it.cameras))
    wait_until(lambda: not any(it.is_well(number) for number in everyone), 30)
    seen_s = time.monotonic() - began
    time.sleep(max(0.0, hold_s - seen_s))
    for proxy in it.proxies:
        proxy.fault = Fault.NONE
    undone = time.monotonic()
    _wait_well(it, everyone)
    it.cycles.append(Cycle(ALL_AT_ONCE, seen_s, time.monotonic() - undone, 1.0))
    return it.cycles[-1]


def _wait_well(it: Stand, numbers: Sequence[int]) -> None:
    counts = {number: it.captured(number) for number in numbers}
    wait_until(lambda: all(it.is_well(number) and it.captured(number) > count for number, count in counts.items()), 60)


@dataclass(frozen=True)
class Footprint:
    """What this process holds."""

    files: int
    threads: int
    children: int

    @classmethod
    def now(cls) -> "Footprint":
        """Counted now."""
        process = psutil.Process()
        return cls(process.num_fds(), process.num_threads(), len(process.children(recursive=True)))

    def is_within(self, other: "Footprint") -> bool:
        """Whether nothing is more than in the other."""
        return self.files <= other.files and self.threads <= other.threads and self.children <= other.children

    @classmethod
    def settled(cls) -> "Footprint":
        """Once it has not changed for a second: callers of an earlier cycle leave."""
        last, since = cls.now(), time.monotonic()
        while time.monotonic() - since < 1.0:
            time.sleep(0.05)
            if (now := cls.now()) != last:
                last, since = now, time.monotonic()
        return last


def run(cycles: int, cameras: int = 4) -> dict[str, Any]:
    """At least so many cycles over every fault; the report."""
    with stand(cameras) as it:
        run_cycle(it, Fault.RESET, 0)  # what is made once is made now
        it.cycles.clear()
        before = Footprint.settled()
        short = [(EVERY[number % len(EVERY)], HOLD_S) for number in range(max(cycles, len(EVERY)))]
        for number, (fault, hold_s) in enumerate([*short, *((fault, LONG_S) for fault in LONG)]):
            cycle = run_cycle(it, fault, number % cameras, hold_s)
            seen = "went on" if cycle.seen_s is None else f"{cycle.seen_s:.2f} s"
            verdict = "holds" if cycle.holds else "MISSED"
            print(
                f"  {cycle.fault:16} seen {seen:>8}, back {cycle.back_s:5.2f} s, others {cycle.others:.0%}: {verdict}"
            )
        wait_until(lambda: all(it.is_well(number) for number in range(cameras)), 30)
        after = Footprint.settled()
        for number in range(cameras):
            it.pipeline.remove(it.name(number))
        accounts = {it.name(number): it.pipeline.account(it.name(number)) for number in range(cameras)}
    return _report(it.cycles, before, after, accounts)


def _report(cycles: list[Cycle], before: Footprint, after: Footprint, accounts: dict[str, Account]) -> dict[str, Any]:
    balanced = all(account.balanced and not account.pending for account in accounts.values())
    holds = all(cycle.holds for cycle in cycles) and balanced and after.is_within(before)
    return {
        "name": "cameras",
        "budgets": {"seen_s": SEEN_MOST_S, "back_s": BACK_MOST_S, "others": OTHERS_LEAST},
        "cycles": [{**asdict(cycle), "holds": cycle.holds} for cycle in cycles],
        "worst": {
            "seen_s": max((cycle.seen_s for cycle in cycles if cycle.seen_s is not None), default=None),
            "back_s": max(cycle.back_s for cycle in cycles),
            "others": min(cycle.others for cycle in cycles),
        },
        "footprint": {"before": asdict(before), "after": asdict(after)},
        "accounts": {name: asdict(account) for name, account in accounts.items()},
        "balanced": balanced,
        "holds": holds,
        "machine": machine(),
        "versions": versions(),
    }


def main() -> int:
    """Write build/chaos/cameras.json and print the table."""
    report = run(cycles=28)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "cameras.json").write_text(json.dumps(report, indent=2, default=str) + "\n", encoding="utf-8")
    worst = report["worst"]
    print(
        f"cameras: seen ≤ {worst['seen_s']:.2f} s, back ≤ {worst['back_s']:.2f} s, others ≥ {worst['others']:.0%}, "
        f"accounts {'balanced' if report['balanced'] else 'NOT BALANCED'}: {'holds' if report['holds'] else 'MISSED'}"
    )
    return 0 if report["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
