"""The threads that answer: as many as the machine has cores, in front of them a bounded queue."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from time import perf_counter
from typing import TypeVar

from registry.errors import EngineBusy
from registry.runtime.admission import Admission, Pace
from registry.runtime.metrics import EngineMetrics

Result = TypeVar("Result")


class Engine:
    """Runs pieces of work in the order they came, one on each slot; safe to call from any thread.

    A slot does everything about one image, from decoding to the answer, so that nothing else competes with the
    graphs for the cores. Work must not submit work of its own and wait for it.
    """

    def __init__(
        self, slots: int, admission: Admission, metrics: EngineMetrics, clock: Callable[[], float] = perf_counter
    ) -> None:
        self.slots = slots
        self.metrics = metrics
        self._admission = admission
        self._clock = clock
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix="inference")
        self._lock = Lock()
        self._running = self._waiting = self._taken = 0

    @property
    def alone(self) -> bool:
        """Whether at most one piece of work is under way, so that it may have every core: never in a flood."""
        return self._running + self._waiting <= 1 and not self._admission.overloaded

    def check(self) -> None:
        """Raise EngineBusy when work would be refused now, before anything is read for it."""
        with self._lock:
            self._admit(None)

    def submit(self, work: Callable[[float], Result], pace: Pace, *, patient: bool = False) -> Future[Result]:
        """Have `work(seconds it waited)` run; its future can be cancelled until then.

        Raises EngineBusy at once when it would have to wait too long. What was taken is refused later only in a flood,
        by its future, and never when it is `patient`.
        """
        with self._lock:
            self._admit(pace)
            queues = self._running + self._waiting >= self.slots
            self._move(waiting=1)
            self._taken += 1
        future = self._pool.submit(self._work, work, pace, self._clock(), queues and not patient)
        future.add_done_callback(self._gone_if_cancelled)
        return future

    def close(self) -> None:
        """Drop what waits, let what runs end."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _admit(self, pace: Pace | None) -> None:
        with self._counted():
            self._admission.check(self._running, self._waiting, pace)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            yield
        except EngineBusy:
            self.metrics.refused.inc()
            raise
        finally:
            self.metrics.overloaded.set(self._admission.overloaded)

    def _work(self, work: Callable[[float], Result], pace: Pace, submitted: float, may_be_late: bool) -> Result:
        started = self._clock()
        waited_s = started - submitted
        with self._lock:
            self._move(waiting=-1)
            if may_be_late:
                with self._counted():
                    self._admission.check_late(waited_s, self._waiting, pace)
            self._move(running=1)
            alone, taken = self.alone, self._taken
        try:
            return work(waited_s)
        finally:
            took_s = self._clock() - started
            with self._lock:
                self._move(running=-1)
                alone = alone and self._taken == taken and not self._admission.overloaded
            self._admission.record(took_s, alone=alone)
            pace.record(took_s, alone=alone)

    def _gone_if_cancelled(self, future: Future[Result]) -> None:
        if future.cancelled():
            self.metrics.cancelled.inc()
            with self._lock:
                self._move(waiting=-1)

    def _move(self, *, waiting: int = 0, running: int = 0) -> None:
        self._waiting += waiting
        self._running += running
        self.metrics.waiting.set(self._waiting)
        self.metrics.running.set(self._running)
