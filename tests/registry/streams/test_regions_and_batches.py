"""What of a frame is inferred, and how long a batch waits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.streams.accounting import Drop
from registry.streams.loss import Reason
from registry.streams.regions import RegionOptions, propose, touches_cut
from registry.streams.sanity import Sanity, SanityLimits
from registry.streams.window import BatchWindow

SIZE = (640, 360)
OPTIONS = RegionOptions()
WHOLE = (0, 0, 640, 360)


def boxes(*found: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(found, np.float32).reshape(-1, 4)


@pytest.mark.parametrize(
    ("found", "regions", "why"),
    [
        ((), [], "nothing moves"),
        (((0.4, 0.4, 0.5, 0.5),), [(192, 66, 384, 258)], "one small thing: the smallest square around it"),
        (((0, 0, 0.05, 0.05),), [(0, 0, 192, 192)], "in the corner: moved into the picture"),
        (((0.3, 0.3, 0.6, 0.7),), [(128, 20, 448, 340)], "a larger thing, a larger square"),
        (((0.1, 0.1, 0.9, 0.9),), [WHOLE], "too large for any square"),
        (((0.1, 0.1, 0.15, 0.2), (0.2, 0.15, 0.25, 0.25)), 1, "two close to one another share one"),
        (((0.05, 0.1, 0.1, 0.2), (0.85, 0.6, 0.9, 0.7)), 2, "two far apart have one each"),
        (tuple((x / 5, y, x / 5 + 0.05, y + 0.05) for x in range(5) for y in (0.0, 0.9)), [WHOLE], "all over"),
    ],
)
def test_regions(found: tuple[tuple[float, float, float, float], ...], regions: object, why: str) -> None:
    proposed = propose(boxes(*found), SIZE, OPTIONS)
    if isinstance(regions, int):
        assert len(proposed) == regions, why
    else:
        assert proposed == regions, why


share = st.floats(0, 1, width=32)
some_boxes = st.lists(st.tuples(share, share, share, share), max_size=6)


@given(some_boxes, st.sampled_from([(640, 360), (480, 360), (360, 640), (320, 180), (1280, 720)]))
def test_every_box_is_inside_a_region_and_every_region_inside_the_picture(
    found: list[tuple[float, float, float, float]], size_wh: tuple[int, int]
) -> None:
    ordered = [(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in found]
    regions = propose(boxes(*ordered), size_wh, OPTIONS)
    assert bool(regions) == bool(ordered)
    for x1, y1, x2, y2 in regions:
        assert 0 <= x1 < x2 <= size_wh[0]
        assert 0 <= y1 < y2 <= size_wh[1]
        assert x1 % 2 == y1 % 2 == 0
    for box in ordered:
        left, top, right, bottom = (value * size_wh[axis % 2] for axis, value in enumerate(box))
        assert any(
            x1 <= left + 1 and y1 <= top + 1 and right - 1 <= x2 and bottom - 1 <= y2 for x1, y1, x2, y2 in regions
        )


def test_a_box_at_the_edge_of_the_picture_is_not_cut() -> None:
    assert not touches_cut((0, 0, 50, 50), (0, 0, 192, 192), SIZE)
    assert touches_cut((150, 20, 191.5, 50), (0, 0, 192, 192), SIZE)
    assert not touches_cut((500, 200, 640, 360), (448, 168, 640, 360), SIZE)


def learnt(one_s: float, four_s: float, gap_s: float) -> BatchWindow:
    window = BatchWindow(most_images=4, most_s=0.02)
    for step in range(50):
        window.arrived(step * gap_s)
    window.ran(1, one_s)
    window.ran(4, four_s)
    return window


@pytest.mark.parametrize(
    ("window", "waiting", "waits", "why"),
    [
        (BatchWindow(), 1, False, "nothing is known yet"),
        (learnt(0.010, 0.012, 0.004), 0, False, "nothing waits"),
        (learnt(0.010, 0.012, 0.004), 1, True, "four cost hardly more than one, and the next comes soon"),
        (learnt(0.010, 0.012, 0.004), 4, False, "the batch is full"),
        (learnt(0.010, 0.040, 0.004), 1, False, "four cost four times as much"),
        (learnt(0.010, 0.012, 0.200), 1, False, "the next one is far off"),
    ],
)
def test_a_batch_waits_only_where_it_pays(window: BatchWindow, waiting: int, waits: bool, why: str) -> None:
    assert (window.wait_s(waiting) > 0) == waits, why
    assert window.wait_s(waiting) <= 0.02


def test_the_same_picture_again_and_again_is_seen() -> None:
    sanity = Sanity(5.0, SanityLimits(repeated_after_s=1.0, reconnect_after=3.0))
    said = [sanity.judge(b"same", step * 0.2) for step in range(20)]
    assert said[:5] == [None] * 5
    assert said[5:] == [Drop.REPEATED] * 15
    assert sanity.verdict(20, 3.1) is Reason.REPEATED
    assert sanity.judge(b"other", 4.0) is None
    assert not sanity.repeating


def test_the_wanted_rate_passes_bursts_pass_more_does_not() -> None:
    steady = Sanity(5.0)
    assert [steady.judge(bytes([n % 256]), n * 0.2) for n in range(100)] == [None] * 100
    late = [steady.judge(bytes([n]), 22.0) for n in range(4)]
    assert late.count(None) >= 3, "a pause, then what waited in the pipe"
    fast = Sanity(5.0)
    kept = [fast.judge(bytes([n % 256, n // 256]), n * 0.02) for n in range(500)].count(None)
    assert 40 <= kept <= 70, "ten seconds at fifty a second"


@pytest.mark.parametrize("fps", [0.1, 0.12, 0.125, 0.2])
def test_a_camera_looked_at_once_in_ten_seconds_does_not_run_away(fps: float) -> None:
    sanity = Sanity(fps)
    for number in range(5):
        at = number / fps
        assert sanity.judge(bytes([number]), at) is None
        assert [sanity.verdict(25 * number, at + after) for after in (0.0, 0.1, 2.5)] == [Reason.NONE] * 3
    for number in range(3):
        sanity.judge(bytes([9, number]), 100.0)
    assert sanity.verdict(200, 100.0) is Reason.RUNAWAY


@pytest.mark.parametrize(("a_second", "reason"), [(30, Reason.NONE), (100, Reason.NONE), (400, Reason.RUNAWAY)])
def test_a_source_that_runs_away_is_given_up(a_second: int, reason: Reason) -> None:
    sanity = Sanity(5.0)
    verdicts = []
    for step in range(60):
        if step % 4 == 0:
            sanity.judge(bytes([step]), step * 0.05)
        verdicts.append(sanity.verdict(int(step * 0.05 * a_second), step * 0.05))
    assert max(verdicts) == reason
