"""How long one run of a graph may take, and the one thread that ends those that take longer."""

import threading
from collections.abc import Callable
from math import inf
from time import monotonic

from registry.errors import ModelTooSlow

RUN_SECONDS = 30.0  # for each image of a run, where nobody says otherwise
BUILD_SECONDS = 600.0  # where a run may first build what it runs by: a GPU's kernels, an engine of TensorRT


class Run:
    """One run under way. `ended` says that its time was over and `end` was called."""

    __slots__ = ("due", "end", "ended")

    def __init__(self, end: Callable[[], None], due: float) -> None:
        self.end, self.due = end, due
        self.ended = False


class Watchdog:
    """Ends the runs whose time is over, from a thread of its own; safe to call from any thread.

    The thread starts with the first run and sleeps until the earliest of them is due: runs that end in time cost it
    nothing.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._runs: set[Run] = set()
        self._wakes_at = inf
        self._thread: threading.Thread | None = None

    def begin(self, end: Callable[[], None], seconds: float) -> Run:
        """Have `end()` called, which must not wait, unless the run is `finish`ed within `seconds`."""
        run = Run(end, monotonic() + seconds)
        with self._changed:
            self._runs.add(run)
            if run.due < self._wakes_at:
                self._wakes_at = run.due
                self._changed.notify()
            if self._thread is None or not self._thread.is_alive():  # a fork has the watchdog without its thread
                self._thread = threading.Thread(target=self._watch, name="run-deadlines", daemon=True)
                self._thread.start()
        return run

    def finish(self, run: Run) -> None:
        """The run is over."""
        with self._changed:
            self._runs.discard(run)

    def end_all(self) -> None:
        """End every run under way as if its time were over: for a process that is about to end."""
        with self._changed:
            self._end_due(inf)

    def _end_due(self, now: float) -> None:
        for run in [each for each in self._runs if each.due <= now]:
            self._runs.discard(run)
            run.ended = True
            run.end()

    def _watch(self) -> None:
        with self._changed:
            while True:
                now = monotonic()
                self._end_due(now)
                self._wakes_at = min((each.due for each in self._runs), default=inf)
                self._changed.wait(None if self._wakes_at == inf else max(self._wakes_at - now, 0.0))


def too_slow(seconds: float) -> ModelTooSlow:
    """The refusal of a run whose time is over."""
    return ModelTooSlow(f"the model took longer than {seconds:g} s for one run")


WATCHDOG = Watchdog()
