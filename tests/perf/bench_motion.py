"""What the motion gate costs and misses: labelled generated clips, against a background model of the whole frame."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import cv2

from registry.streams.motion import MotionGate
from registry.testing.motion_clips import MotionClip, clips, play
from tests.perf.report import Report, spread

SEEDS = (1, 101, 201)
SETTLED_S = 2.0
MOST_MS, MOST_MISSED, MOST_OPEN, BOUND = 0.5, 0.01, 0.15, 0.2


def main() -> Report:
    """Judge every clip; then time the gate and MOG2 on the same 720p frames in turn, in processor time."""
    per_clip = [_judge(clip) for seed in SEEDS for clip in clips(seed)]
    missed = sum(each["missed"] for each in per_clip) / sum(each["moving"] for each in per_clip)
    opened = sum(each["open"] for each in per_clip) / sum(each["still"] for each in per_clip)
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        analysed, whole, model = _times()
    finally:
        cv2.setNumThreads(before)
    gate_ms = statistics.median(analysed)
    return Report(
        name="motion",
        figures={
            "gate_ms": spread(analysed),
            "gate_720p_ms": spread(whole),
            "missed": missed,
            "open_when_still": opened,
            "clips": per_clip,
        },
        baseline={"name": "MOG2 on the 720p luma plane", "ms": spread(model)},
        ratio=statistics.median(whole) / statistics.median(model),
        bound=BOUND,
        repeats=len(analysed),
        limits={
            "gate_ms": (gate_ms, MOST_MS),
            "missed": (missed, MOST_MISSED),
            "open_when_still": (opened, MOST_OPEN),
        },
    )


def _judge(clip: MotionClip) -> dict[str, Any]:
    gate = MotionGate()
    found = {"name": clip.name, "seed": clip.seed, "moving": 0, "missed": 0, "still": 0, "open": 0}
    for frame in play(clip):
        is_open = gate.judge(frame.luma, frame.at_s).is_open
        if frame.moves:
            found["moving"] += 1
            found["missed"] += not is_open
        elif frame.at_s > SETTLED_S:
            found["still"] += 1
            found["open"] += is_open
    return found


def _times() -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of processor time: the gate on the analysed size, on 720p, and the model on 720p."""
    large = [frame.luma for frame in play(MotionClip("timing", seconds=20.0, size_wh=(1280, 720)))]
    small = [cv2.resize(luma, (640, 360), interpolation=cv2.INTER_AREA) for luma in large]
    on_small, on_large, model = MotionGate(), MotionGate(), cv2.createBackgroundSubtractorMOG2()
    times: tuple[list[float], list[float], list[float]] = ([], [], [])
    for number, (little, luma) in enumerate(zip(small, large, strict=True)):
        at_s = number / 5
        works: tuple[Callable[[], Any], ...] = (
            lambda little=little, at_s=at_s: on_small.judge(little, at_s),
            lambda luma=luma, at_s=at_s: on_large.judge(luma, at_s),
            lambda luma=luma: model.apply(luma),
        )
        for work, kept in zip(works, times, strict=True):
            began = time.thread_time()
            work()
            kept.append((time.thread_time() - began) * 1e3)
    return times
