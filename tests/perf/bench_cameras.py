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

SECONDS, LEAST = 60.0, 0.95
STEPS, FAST_STEPS, ULTRALYTICS_STEPS, PLAIN_STEPS = (8, 12, 16, 20), (12, 16, 20), (3, 4, 5, 6), (4, 5, 6, 8)
FASTER_THAN_PEER, FASTER_THAN_PLAIN = 4, 3
MOST_AGE_MS, MOST_MIB = 500.0, 60.0


def main(seconds: float = SECONDS) -> Report:
    """Ours with more and more cameras, then each peer likewise; each stops at the first number it does not bear."""
    shaped = make_yolo11n_onnx(PROJECT_ROOT / "build" / "bench" / "yolo11n-shaped.onnx")
    network = make_square_network(shaped, PROJECT_ROOT / "build" / "bench" / "yolo11n-square.onnx")
    ours = climb("camera_run", STEPS, network, seconds)
    fast = climb("camera_run", FAST_STEPS, network, seconds, fast=True)
    ultralytics = climb("camera_peers", ULTRALYTICS_STEPS, network, seconds, peer="ultralytics")
    plain = climb("camera_peers", PLAIN_STEPS, network, seconds, peer="plain")
    most, of_peer, of_plain = borne(ours), borne(ultralytics), borne(plain)
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


def climb(
    module: str, steps: Iterable[int], network: Path, seconds: float, **asked: str | bool
) -> list[dict[str, Any]]:
    """A step after the other until one is not borne."""
    found = []
    for cameras in steps:
        found.append(step(module, cameras, network, seconds, **asked))
        told = {key: found[-1][key] for key in ("cameras", "share", "age_ms", "others_cores")}
        print(f"  {asked.get('peer', 'ours, fast decoding' if asked else 'ours')}: {json.dumps(told)}", flush=True)
        if found[-1]["share"] < LEAST:
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
