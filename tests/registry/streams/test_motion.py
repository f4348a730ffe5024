"""The motion gate, on clips whose truth is known."""

import time

import cv2
import numpy as np
import pytest

from registry.streams.geometry import Polygon
from registry.streams.motion import MotionGate, MotionOptions
from registry.testing.motion_clips import LabelledFrame, MotionClip, clips, play

SETTLED_S = 2.0
WIDTH, HEIGHT = 640, 360


def judge(clip: MotionClip, options: MotionOptions | None = None) -> list[tuple[LabelledFrame, bool]]:
    gate = MotionGate(options)
    return [(frame, gate.judge(frame.luma, frame.at_s).is_open) for frame in play(clip)]


@pytest.mark.parametrize("clip", clips(), ids=lambda clip: clip.name)
def test_motion_is_seen_and_stillness_is_let_pass(clip: MotionClip) -> None:
    judged = judge(clip)
    moving = [is_open for frame, is_open in judged if frame.moves]
    still = [is_open for frame, is_open in judged if not frame.moves and frame.at_s > SETTLED_S]
    assert len(moving) >= 50
    assert moving.count(False) <= len(moving) // 100, "at most one in a hundred is missed"
    assert sum(still) <= len(still) * 0.15


def still(value: float = 90.0, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (value + rng.normal(0, 2, (HEIGHT, WIDTH))).clip(0, 255).astype(np.uint8)


def settled(options: MotionOptions | None = None) -> MotionGate:
    gate = MotionGate(options)
    for step in range(10):
        gate.judge(still(seed=step), step * 0.2)
    return gate


def with_object(x: int, y: int, side: int = 50) -> np.ndarray:
    image = still(seed=99)
    image[y : y + side, x : x + side] = 200
    return image


def test_boxes_lie_around_what_moves() -> None:
    motion = settled().judge(with_object(300, 120), 2.0)
    assert motion.is_open
    assert len(motion.boxes) == 1
    x1, y1, x2, y2 = motion.boxes[0] * [WIDTH, HEIGHT, WIDTH, HEIGHT]
    assert (x1, y1) <= (300, 120)
    assert (x2, y2) >= (350, 170)
    assert (x2 - x1) * (y2 - y1) < 90**2


def test_a_mask_hides_what_moves_in_it_and_nothing_else() -> None:
    left = MotionOptions(masks=(Polygon(((0, 0), (0.5, 0), (0.5, 1), (0, 1))),))
    assert not settled(left).judge(with_object(100, 100), 2.0).is_open
    assert settled(left).judge(with_object(500, 100), 2.0).is_open


def test_sensitivity_decides_about_faint_things() -> None:
    faint = still(seed=99)
    faint[100:160, 100:160] += 17
    assert settled(MotionOptions(sensitivity=1.0)).judge(faint, 2.0).is_open
    assert not settled(MotionOptions(sensitivity=0.0)).judge(faint, 2.0).is_open


def test_a_change_of_light_is_looked_at_once_and_learnt() -> None:
    gate = settled()
    first = gate.judge(still(150.0), 2.0)
    assert first.is_open
    assert first.recalibrated
    assert len(first.boxes) == 0
    later = [gate.judge(still(150.0, seed=step), 2.0 + step * 0.2) for step in range(1, 10)]
    assert not any(motion.recalibrated for motion in later)
    assert not later[-1].is_open


def test_what_stops_becomes_background() -> None:
    gate = settled()
    opened = [gate.judge(with_object(300, 120), 2.0 + step * 0.2).is_open for step in range(200)]
    assert opened[0]
    assert not opened[-1]


def test_a_picture_of_another_size_begins_anew() -> None:
    gate = settled()
    assert gate.judge(cv2.resize(still(), (480, 360)), 2.0).recalibrated


def test_a_clock_that_stands_or_goes_back_breaks_nothing() -> None:
    gate = settled()
    for at_s in (2.0, 2.0, 1.0, 1e9):
        gate.judge(still(), at_s)
    assert gate.judge(with_object(10, 10), 1e9 + 0.2).is_open


def test_it_costs_a_small_part_of_what_a_background_model_of_the_whole_frame_costs() -> None:
    frames = [frame.luma for frame in play(MotionClip("short", seconds=8.0, size_wh=(1280, 720)))]
    gate, model = MotionGate(), cv2.createBackgroundSubtractorMOG2()
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        ours = [_cpu_s(lambda f=frame, n=number: gate.judge(f, n * 0.2)) for number, frame in enumerate(frames)]
        theirs = [_cpu_s(lambda f=frame: model.apply(f)) for frame in frames]
    finally:
        cv2.setNumThreads(before)
    assert np.median(ours) < 0.5 * np.median(theirs)


def _cpu_s(work: object) -> float:
    began = time.thread_time()
    work()  # type: ignore[operator]
    return time.thread_time() - began
