"""Work aside: in a thread of lower priority where nobody waits for it, right here where somebody does."""

import os
import threading

import pytest

from registry.errors import InvalidModel
from registry.runtime.background import aside, unhurried


def _seen() -> tuple[int, int]:
    """The thread that runs this, and its niceness."""
    thread = threading.get_native_id()
    return thread, os.getpriority(os.PRIO_PROCESS, thread)


def test_what_somebody_waits_for_runs_where_it_is_asked_for() -> None:
    assert aside(_seen) == _seen()


def test_what_nobody_waits_for_gives_way_and_its_caller_does_not() -> None:
    before = _seen()
    with unhurried():
        thread, niceness = aside(_seen)
    assert thread != before[0]
    assert niceness > before[1]
    assert _seen() == before
    assert aside(_seen) == before


def test_what_it_raises_is_raised() -> None:
    def fail() -> None:
        raise InvalidModel("not a graph")

    with unhurried(), pytest.raises(InvalidModel, match="not a graph"):
        aside(fail)
