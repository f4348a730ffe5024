"""Our cameras in a process of their own, as a worker runs them: `python -m tests.perf.camera_run ASKED` prints figures.

Pipeline, engine, options and thresholds are the worker's; only the leases, the records and the recordings are left out.
"""

import hashlib
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil
import supervision as sv

from registry.cameras.configuration import AnalysisSettings
from registry.libraries import prepare_libraries
from registry.models.types import ModelVersion
from registry.records import utc_now
from registry.runtime.card import MODEL_FILE
from registry.runtime.infer_card import infer_card
from registry.settings import Settings, load_settings
from registry.streams import (
    AllowedNetworks,
    Camera,
    DecodeOptions,
    Detector,
    Frame,
    FrameResult,
    Notice,
    Pipeline,
    SourcePolicy,
    WatchOptions,
    parse_source,
)
from registry.streams.lane import Lane
from registry.testing.watched import wait_until
from registry.worker.board import Board
from registry.worker.engine import Engine
from registry.worker.wire import Thresholds

FPS = 5.0
POLICY = SourcePolicy(AllowedNetworks(loopback=True))
WARM_S, DRAIN_S = 6.0, 1.5
_MOVES, _BAND, _STEP = 190, (0.34, 0.49), 4  # luma of the square, and the share of the height in which it moves
_STAGES = {"camera-": "relay and gate", "stream-inference": "crops, tracks, asking the engine", "sink": "sinks"}


class Watching(Pipeline):
    """Notes of each frame when it came, and whether the square moves in it."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.came: dict[tuple[str, int], tuple[float, bool]] = {}

    def _take(self, lane: Lane, frame: Frame) -> None:
        top, bottom = (round(share * frame.size_wh[1]) for share in _BAND)
        moves = bool(frame.luma[top:bottom:_STEP, ::_STEP].max() > _MOVES)
        self.came[frame.camera_id, frame.frame_id] = (frame.at_s, moves)
        super()._take(lane, frame)


@dataclass(slots=True)
class Seen:
    """A sink: which frames were analysed, by what, and how old they were by then."""

    looked: dict[tuple[str, int], tuple[float, str]] = field(default_factory=dict)
    regions: Counter[int] = field(default_factory=Counter)  # by side; 0 is the whole frame

    def __call__(self, notice: Notice) -> None:
        """Note a result."""
        if not isinstance(notice, FrameResult):
            return
        frame = notice.frame
        self.looked[frame.camera_id, frame.frame_id] = (time.monotonic() - frame.at_s, notice.model)
        for x1, _, x2, _ in notice.regions:
            self.regions[0 if x2 - x1 == frame.size_wh[0] else x2 - x1] += 1


@dataclass(slots=True, eq=False)
class Asking:
    """An engine's `detect`, counting how many images it is asked at once and how long it takes."""

    engine: Engine
    thresholds: Thresholds
    batches: Counter[int] = field(default_factory=Counter)
    busy_s: float = 0.0

    def __call__(self, images: Sequence[npt.NDArray[np.uint8]]) -> list[sv.Detections]:
        """Ask it."""
        began = time.monotonic()
        found = self.engine.detect(self.thresholds, images)
        self.busy_s += time.monotonic() - began
        self.batches[len(images)] += 1
        return found


@contextmanager
def engine_of(settings: Settings, network: Path, number: int = 1) -> Iterator[Engine]:
    """The network as a loaded version in a process of its own; no MLflow is asked."""
    model = network.read_bytes()
    sha256 = hashlib.sha256(model).hexdigest()
    kept = settings.home / "cache" / "models" / sha256[:2] / sha256
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(model)
    version = ModelVersion(
        name="shaped",
        version=number,
        sha256=sha256,
        files={MODEL_FILE: sha256},
        size_bytes=len(model),
        card=infer_card(model),
        aliases=(),
        created_at=utc_now(),
        run_id=f"run-{number}",
        published_by="bench",
    )
    engine = Engine(settings, version)
    engine.start()
    try:
        yield engine
    finally:
        engine.close()


@contextmanager
def home() -> Iterator[Settings]:
    """An empty home."""
    with tempfile.TemporaryDirectory(prefix="nexusai-bench-") as folder:
        settings = load_settings(home=Path(folder))
        settings.prepare_home()
        yield settings


def asking(engine: Engine) -> Asking:
    """The engine with a camera's thresholds, warm for every size that is cut."""
    made = Asking(engine, Thresholds(AnalysisSettings().detect_from))
    for side in (192, 256, 320):
        crop = np.full((side, side, 3), 64, np.uint8)
        made([crop]), made([crop, crop])
    frame = np.full((360, 640, 3), 64, np.uint8)
    made([frame]), made([frame, frame])
    made.batches.clear()
    made.busy_s = 0.0
    return made


def measure(
    urls: Sequence[str], engine: Engine, seconds: float, warm_s: float = WARM_S, *, fast: bool = False
) -> dict[str, Any]:
    """Watch the cameras for so long; what was analysed, how late, and what it cost. `fast`: with fast decoding."""
    watch, analysis = WatchOptions(DecodeOptions(skip_loop_filter=fast)), AnalysisSettings().options()
    seen, board = Seen(), Board()
    asked = asking(engine)
    base_mib = pss_mib()
    pipeline = Watching(POLICY, (board, seen))
    try:
        for number, url in enumerate(urls):
            camera = Camera(f"camera-{number}", parse_source(url, POLICY), watch, analysis)
            pipeline.add(camera, Detector("shaped/1", asked))
        wait_until(lambda: all(pipeline.account(each).captured > FPS for each in pipeline.cameras), 90)
        time.sleep(warm_s)
        began, before, busy_s, others = time.monotonic(), spent(engine), asked.busy_s, busy_cores_s()
        asked.batches.clear(), seen.regions.clear()
        time.sleep(seconds)
        ended, after, busy_s = time.monotonic(), spent(engine), asked.busy_s - busy_s
        others = busy_cores_s() - others - sum(after.values()) + sum(before.values())
        batches, regions = dict(asked.batches), dict(seen.regions)
        mib = (pss_mib() - base_mib) / len(urls)
        time.sleep(DRAIN_S)
    finally:
        pipeline.close()
    accounts = [pipeline.account(f"camera-{number}") for number in range(len(urls))]
    figures = judge(pipeline, seen, (began, ended), len(urls))
    dropped = sum((Counter(each.dropped) for each in accounts), Counter[str]())
    return {
        **figures,
        "pss_mib_per_camera": mib,
        "base_mib": base_mib,
        "cpu_ms_per_camera_second": _each(before, after, len(urls) * (ended - began)),
        "others_cores": others / (ended - began),
        "engine_busy": busy_s / (ended - began),
        "batches": batches,
        "regions": regions,
        "dropped": dict(dropped),
        "failed": sum(each.failed for each in accounts),
        "unbalanced": sum(not each.balanced or each.pending > 0 for each in accounts),
    }


def judge(pipeline: Watching, seen: Seen, window: tuple[float, float], cameras: int) -> dict[str, Any]:
    """The shares of frames that came, and of those with motion that were analysed, within a time."""
    came = {key: moves for key, (at_s, moves) in pipeline.came.items() if window[0] <= at_s < window[1]}
    moving = [key for key, moves in came.items() if moves]
    ages = [seen.looked[key][0] * 1e3 for key in came if key in seen.looked]
    by_camera = Counter(key[0] for key in moving)
    met = Counter(key[0] for key in moving if key in seen.looked)
    arrived = min(1.0, len(came) / (FPS * (window[1] - window[0]) * cameras))
    analysed = sum(met.values()) / max(1, len(moving))
    return {
        "cameras": cameras,
        "frames": len(came),
        "arrived": arrived,
        "motion_frames": len(moving),
        "duty": len(moving) / max(1, len(came)),
        "analysed": analysed,
        "worst_camera": min((met[each] / count for each, count in by_camera.items()), default=0.0),
        "share": analysed * (1.0 if arrived >= 0.98 else arrived),
        "looks": len(ages),
        "age_ms": {"p50": float(np.quantile(ages, 0.5)), "p95": float(np.quantile(ages, 0.95))} if ages else {},
    }


def spent(engine: Engine) -> dict[str, float]:
    """Seconds of processor time so far, by stage."""
    process = psutil.Process()
    names = {each.native_id: each.name for each in threading.enumerate()}
    found = dict.fromkeys([*_STAGES.values(), "rest of the worker", "engine", "decoders"], 0.0)
    for each in process.threads():
        name = names.get(each.id, "")
        stage = next((stage for start, stage in _STAGES.items() if name.startswith(start)), "rest of the worker")
        found[stage] += each.user_time + each.system_time
    for child in process.children(recursive=True):
        times = child.cpu_times()
        stage = "engine" if child.pid == engine.pid else "decoders" if "ffmpeg" in child.name() else ""
        if stage:
            found[stage] += times.user + times.system
    return found


def busy_cores_s() -> float:
    """Processor time of the whole machine so far, whoever took it."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def pss_mib() -> float:
    """Memory of this process and its children; pages that they share are counted once."""
    process, found = psutil.Process(), 0
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess, FileNotFoundError):  # a decoder that is started anew
            found += each.memory_full_info().pss
    return found / 2**20


def _each(before: Mapping[str, float], after: Mapping[str, float], per: float) -> dict[str, float]:
    return {stage: round((after[stage] - before[stage]) * 1e3 / per, 2) for stage in after}


def main(asked: dict[str, Any]) -> None:
    """Do what was asked, and print the figures as one line of JSON, the last."""
    prepare_libraries()
    with home() as settings, engine_of(settings, Path(asked["network"])) as engine:
        figures = measure(asked["urls"], engine, asked["seconds"], fast=asked.get("fast", False))
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
