"""Cameras under faults: in short in every run, whole with `make test-slow` and `make chaos`."""

from collections.abc import Iterator

import pytest

from registry.testing.rtsp_server import Mischief
from registry.testing.watched import wait_until
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
    Stand,
    run,
    run_cycle,
    stand,
)
from tests.faults.proxy import Fault

SLACK = 2.0  # the tests share their processors with one another


@pytest.fixture(scope="module")
def two() -> Iterator[tuple[Stand, Footprint]]:
    """Two cameras, and what they take when all is well."""
    with stand(2) as made:
        run_cycle(made, Fault.RESET, 0, hold_s=0.5)
        yield made, Footprint.settled()


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault.RESET, Fault.SILENCE, Fault.HALF_OPEN, Fault.LOSS, Fault.GARBAGE, Fault.ABSENT),
        *(Mischief.FREEZE, Mischief.RUNAWAY, Mischief.MEDIA_SILENT, Mischief.NO_STREAM),
        *(WRONG_PASSWORD, ABSENT_AT_START, ALL_AT_ONCE),
    ],
)
def test_a_fault_is_seen_and_got_over_and_costs_nobody_else(two: tuple[Stand, Footprint], fault: str) -> None:
    it, before = two
    unseen_s = 0.0 if fault in STAYS_LIVE else SEEN_MOST_S * SLACK + 0.5
    cycle = run_cycle(it, fault, 0, hold_s=2.0, unseen_s=unseen_s)
    if fault not in STAYS_LIVE:
        assert cycle.seen_s is not None
        assert cycle.seen_s <= SEEN_MOST_S * SLACK
    assert cycle.back_s <= BACK_MOST_S * SLACK
    assert cycle.others >= OTHERS_LEAST - 0.2
    for name in it.pipeline.cameras:
        assert it.pipeline.account(name).balanced
    wait_until(lambda: Footprint.now().is_within(before), 10)


@pytest.mark.slow
@pytest.mark.parametrize("fault", LONG)
def test_a_camera_is_live_soon_after_a_longer_outage_too(two: tuple[Stand, Footprint], fault: str) -> None:
    it, _ = two
    assert run_cycle(it, fault, 0, hold_s=LONG_S).back_s <= BACK_MOST_S


@pytest.mark.slow
def test_the_budgets_hold_over_twenty_cycles() -> None:
    report = run(cycles=22)
    assert report["balanced"]
    assert Footprint(**report["footprint"]["after"]).is_within(Footprint(**report["footprint"]["before"]))
    assert [cycle for cycle in report["cycles"] if not cycle["holds"]] == []
