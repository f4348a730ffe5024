"""How many live cameras two cores bear: ours, `ultralytics` track, and a plain decode-and-infer loop.

Real RTSP, 720p at 25 pictures a second, five of them to be analysed, motion in a fifth of the time, one network of
YOLO11n's shape. Each step runs in processes of its own; a number of cameras is borne where 95 % of what is to be
looked at is: of the frames with motion for who has a gate, of all frames for who has none. Ours once more with fast
decoding, which is not what a camera has unless somebody chooses it: told beside, and no part of the ratios.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil

from registry.settings import PROJECT_ROOT
from tests.perf.camera_sources import clip, sources
from tests.perf.predict_loop import make_yolo11n_onnx
from tests.perf.report import Report
from tests.perf.square_network import make_square_network
from tests.perf.tracker_solver import need_tracker_solver

SECONDS, LEAST = 60.0, 0.95
FIRST, BY, MOST = 8, 4, 64
FASTER_THAN_PEER, FASTER_THAN_PLAIN = 4, 3
MOST_AGE_MS, MOST_MIB = 500.0, 60.0


def main(seconds: float = SECONDS) -> Report:
    """Ours with more and more cameras until they are too many, then each peer about where it ought to end."""
    shaped = make_yolo11n_onnx(PROJECT_ROOT / "build" / "bench" / "yolo11n-shaped.onnx")
    network = make_square_network(shaped, PROJECT_ROOT / "build" / "bench" / "yolo11n-square.onnx")
    need_tracker_solver()  # not to be missed a quarter of an hour later
    ours = exactly(FIRST, network, seconds)
    most = borne(ours)
    ultralytics = around(most // FASTER_THAN_PEER, network, seconds, peer="ultralytics")
    plain = around(most // FASTER_THAN_PLAIN, network, seconds, peer="plain")
    of_peer, of_plain = borne(ultralytics), borne(plain)
    fast = exactly(max(most, FIRST), network, seconds, fast=True)
    eight = ours[0]
    return Report(
        name="cameras",
        figures={
            "cameras": most,
            "seconds": seconds,
            "steps": ours,
            "fast_decoding": {"cameras": borne(fast), "steps": fast},
        },
        baseline={
            "ultralytics": {"cameras": of_peer, "steps": ultralytics},
            "plain": {"cameras": of_plain, "steps": plain},
        },
        ratio=of_peer / most if most else float("inf"),
        bound=1 / FASTER_THAN_PEER,
        repeats=1,
        limits={
            "plain_over_ours": (of_plain / most if most else float("inf"), 1 / FASTER_THAN_PLAIN),
            "motion_not_analysed_at_8": (1 - eight["share"], 1 - LEAST),
            "age_p95_ms_at_8": (eight["age_ms"]["p95"], MOST_AGE_MS),
            "mib_per_camera_at_8": (eight["pss_mib_per_camera"], MOST_MIB),
            "unbalanced": (float(sum(step["unbalanced"] for step in ours)), 0.0),
        },
    )


def exactly(first: int, network: Path, seconds: float, **asked: bool) -> list[dict[str, Any]]:
    """Ours with more and more cameras until they are too many, then between the last two numbers, down to one."""
    found = climb("camera_run", range(first, MOST, BY), network, seconds, **asked)
    low, high = borne(found), found[-1]["cameras"]
    while low and high - low > 1:
        middle = (low + high) // 2
        found += climb("camera_run", [middle], network, seconds, **asked)
        low, high = (middle, high) if found[-1]["share"] >= LEAST else (low, middle)
    return found


def around(guess: int, network: Path, seconds: float, **asked: str | bool) -> list[dict[str, Any]]:
    """A peer with one camera more each time from a guess until it does not bear them, or with fewer until it does."""
    found = climb("camera_peers", range(max(guess, 1), MOST), network, seconds, **asked)
    if not borne(found):
        found += climb("camera_peers", range(guess - 1, 0, -1), network, seconds, up=False, **asked)
    return found


def climb(
    module: str, steps: Iterable[int], network: Path, seconds: float, *, up: bool = True, **asked: str | bool
) -> list[dict[str, Any]]:
    """A step after the other until one is not borne; the other way, until one is."""
    found = []
    for cameras in steps:
        found.append(step(module, cameras, network, seconds, **asked))
        told = {key: found[-1][key] for key in ("cameras", "share", "age_ms", "others_cores")}
        print(f"  {asked.get('peer', 'ours, fast decoding' if asked else 'ours')}: {json.dumps(told)}", flush=True)
        if (found[-1]["share"] < LEAST) == up:
            break
    return found


def step(module: str, cameras: int, network: Path, seconds: float, **asked: str | bool) -> dict[str, Any]:
    """So many cameras watched by a process of its own; what the sources took is told beside."""
    with sources(cameras, clip()) as source:
        told = json.dumps({"urls": source.urls, "network": str(network), "seconds": seconds, **asked})
        before, load = source.cpu_s(), psutil.getloadavg()[0]
        command = [sys.executable, "-m", f"tests.perf.{module}", told]
        run = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT_ROOT, timeout=seconds + 300)
        taken = source.cpu_s() - before
    if run.returncode:
        raise RuntimeError(f"{module} ended with {run.returncode}")
    figures: dict[str, Any] = json.loads(run.stdout.strip().splitlines()[-1])
    return {**figures, "sources_cpu_s": taken, "load_before": load}


def borne(steps: list[dict[str, Any]]) -> int:
    """The largest number of cameras of which enough was analysed."""
    return max((step["cameras"] for step in steps if step["share"] >= LEAST), default=0)
