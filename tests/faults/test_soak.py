"""The soak in short: what must hold however long it takes, and that growth would be seen."""

from pathlib import Path

import pytest

from registry.streams import Detector
from registry.testing.bright_squares import bright_square_clip, detect_bright
from tests.faults.soak import Sample, SlowSink, line, main, report, slopes, soak
from tests.perf.camera_sources import sources


def test_a_slow_sink_holds_up_nobody_and_nothing_is_left_behind(tmp_path: Path) -> None:
    film, sink = tmp_path / "clip.h264", SlowSink()
    bright_square_clip(film, size_wh=(320, 180), seconds=4.0)
    with sources(2, film) as source:
        it = soak(source.urls, Detector("bright", detect_bright), warm_s=1.0, seconds=4.0, every_s=0.25, sink=sink)
    told = report(it)
    assert it.balanced
    assert it.after.is_within(it.before)
    assert it.skipped > it.calls
    assert sum(sum(each.inferred.values()) for each in it.accounts) > 10
    assert len(it.samples) > 5
    assert line(told).startswith("soak: 2 cameras")


def test_growth_is_seen() -> None:
    grows = [Sample(at_s, 100 + at_s / 30, 50 + at_s / 60) for at_s in range(0, 600, 10)]
    assert slopes(grows) == {"rss": pytest.approx(2.0), "pss": pytest.approx(1.0)}


@pytest.mark.slow
def test_memory_stays_flat_for_half_an_hour() -> None:
    assert main() == 0
