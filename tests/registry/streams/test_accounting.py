"""Every frame has one end."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.streams.accounting import Drop, Ledger, Outcome
from registry.streams.ring import Ring

STEPS = st.sampled_from(["capture", "inferred", "gated", "dropped", "failed"])


@given(st.lists(STEPS))
def test_the_account_balances_after_every_step(steps: list[str]) -> None:
    ledger, pending = Ledger(), []
    for step in steps:
        if step == "capture":
            pending.append(ledger.capture())
        elif pending:
            ledger.settle(pending.pop(0), Outcome(step), Drop.STALE if step == "dropped" else "m")
        assert ledger.account().balanced
    assert ledger.account().pending == len(pending)


def test_a_frame_is_settled_once() -> None:
    ledger = Ledger()
    frame = ledger.capture()
    ledger.settle(frame, Outcome.INFERRED, "m")
    with pytest.raises(ValueError, match="settled before"):
        ledger.settle(frame, Outcome.GATED)
    with pytest.raises(ValueError, match="never captured"):
        ledger.settle(99, Outcome.GATED)
    ledger.fail(frame)
    assert ledger.account().failed == 0


def test_it_balances_under_threads() -> None:
    ledger = Ledger()

    def work() -> None:
        for _ in range(500):
            ledger.settle(ledger.capture(), Outcome.DROPPED, Drop.OVERRUN)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    account = ledger.account()
    assert account.balanced
    assert account.captured == account.dropped[Drop.OVERRUN] == 2_000


@given(st.lists(st.one_of(st.integers(1, 50), st.none())), st.integers(1, 100))
def test_a_ring_loses_only_what_it_tells_and_keeps_the_newest(sizes: list[int | None], most: int) -> None:
    ring: Ring[int] = Ring(most)
    expected: list[tuple[int, int]] = []
    for number, size in enumerate(sizes):
        if size is None:
            taken = ring.take()
            assert taken == (expected.pop(0)[0] if expected else None)
            continue
        expected.append((number, size))
        for gone in ring.put(number, size):
            assert gone == expected.pop(0)[0]
        assert len(expected) == 1 or sum(held for _, held in expected) <= most
    assert ring.drain() == [number for number, _ in expected]
