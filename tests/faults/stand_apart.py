"""Cameras under faults in a process of their own: what they take is told apart from what other tests do."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from registry.testing.watched import wait_until
from tests.faults.chaos import Cycle, Footprint, Stand, run_cycle, stand
from tests.faults.proxy import Fault


@dataclass(frozen=True)
class Outcome:
    """What one cycle came to, whether every frame was accounted for, and what the process held before and after."""

    cycle: Cycle
    balanced: bool
    before: Footprint
    after: Footprint


class StandApart:
    """A stand in a process of its own, beside nothing else that opens files or starts threads; until `close`."""

    def __init__(self, cameras: int) -> None:
        self._process = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
        self._process.submit(_begin, cameras).result(60)

    def run(self, fault: str, hold_s: float, unseen_s: float = 0.0) -> Outcome:
        """`run_cycle` on the first camera; what is left of it has 10 s to go."""
        return self._process.submit(_cycle, fault, hold_s, unseen_s).result()

    def close(self) -> None:
        """End."""
        self._process.submit(_end).result(60)
        self._process.shutdown()


_ends = ExitStack()
_stands: list[tuple[Stand, Footprint]] = []


def _begin(cameras: int) -> None:
    it = _ends.enter_context(stand(cameras))
    run_cycle(it, Fault.RESET, 0, hold_s=0.5)  # what is made once is made now
    _stands.append((it, Footprint.settled()))


def _cycle(fault: str, hold_s: float, unseen_s: float) -> Outcome:
    it, before = _stands[0]
    cycle = run_cycle(it, fault, 0, hold_s, unseen_s)
    with suppress(TimeoutError):
        wait_until(lambda: Footprint.now().is_within(before), 10)
    balanced = all(it.pipeline.account(name).balanced for name in it.pipeline.cameras)
    return Outcome(cycle, balanced, before, Footprint.now())


def _end() -> None:
    _ends.close()
