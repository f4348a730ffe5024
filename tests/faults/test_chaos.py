"""Cameras under faults: in short in every run, whole with `make test-slow` and `make chaos`."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from registry.testing.rtsp_server import Mischief
from tests.faults.chaos import (
    ABSENT_AT_START,
    ALL_AT_ONCE,
    BACK_MOST_S,
    LONG,
    LONG_S,
    OTHERS_LEAST,
    SEEN_MOST_S,
    STAYS_LIVE,
    WRONG_PASSWORD,
    Footprint,
    run,
)
from tests.faults.proxy import Fault
from tests.faults.stand_apart import StandApart

SLACK = 2.0  # the tests share their processors with one another


@pytest.fixture(scope="module")
def two() -> Iterator[StandApart]:
    """Two cameras, all well."""
    with closing(StandApart(2)) as made:
        yield made


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault.RESET, Fault.SILENCE, Fault.HALF_OPEN, Fault.LOSS, Fault.GARBAGE, Fault.ABSENT),
        *(Mischief.FREEZE, Mischief.RUNAWAY, Mischief.MEDIA_SILENT, Mischief.NO_STREAM),
        *(WRONG_PASSWORD, ABSENT_AT_START, ALL_AT_ONCE),
    ],
)
def test_a_fault_is_seen_and_got_over_and_costs_nobody_else(two: StandApart, fault: str) -> None:
    unseen_s = 0.0 if fault in STAYS_LIVE else SEEN_MOST_S * SLACK + 0.5
    outcome = two.run(fault, hold_s=2.0, unseen_s=unseen_s)
    cycle = outcome.cycle
    if fault not in STAYS_LIVE:
        assert cycle.seen_s is not None
        assert cycle.seen_s <= SEEN_MOST_S * SLACK
    assert cycle.back_s <= BACK_MOST_S * SLACK
    assert cycle.others >= OTHERS_LEAST - 0.2
    assert outcome.balanced
    assert outcome.after.is_within(outcome.before)


@pytest.mark.slow
@pytest.mark.parametrize("fault", LONG)
def test_a_camera_is_live_soon_after_a_longer_outage_too(two: StandApart, fault: str) -> None:
    assert two.run(fault, hold_s=LONG_S).cycle.back_s <= BACK_MOST_S


@pytest.mark.slow
def test_the_budgets_hold_over_twenty_cycles() -> None:
    report = run(cycles=22)
    assert report["balanced"]
    assert Footprint(**report["footprint"]["after"]).is_within(Footprint(**report["footprint"]["before"]))
    assert [cycle for cycle in report["cycles"] if not cycle["holds"]] == []
