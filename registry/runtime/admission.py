"""Whether one more request may wait for a core: what would wait too long is refused at once."""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from registry.errors import EngineBusy

_WINDOW_S = 1.0
_SLOWER_AT_MOST = 1.8  # times an idle machine's answer; 2 is promised, the rest is for what nobody foresees
_WEIGHT = 0.2  # of the newest duration in the running mean


@dataclass(slots=True)
class Pace:
    """Running means of the seconds that one model's answers take: alone on the machine, and beside others.

    Until one was alone, its first run after loading, `first_s`, stands for it.
    """

    alone_s: float = 0.0
    shared_s: float = 0.0
    first_s: float = 0.0

    @property
    def idle_s(self) -> float:
        """What an idle machine's answer takes; 0 for not known."""
        return self.alone_s or self.first_s

    def record(self, seconds: float, *, alone: bool) -> None:
        """Take one more answer into account."""
        if alone:
            self.alone_s = _mean(self.alone_s, seconds)
        else:
            self.shared_s = _mean(self.shared_s, seconds)


def _mean(known: float, newest: float) -> float:
    return known + _WEIGHT * (newest - known) if known else newest


class Admission:
    """Refuses by three rules.

    Usually a bounded queue: at most `most_waiting` requests, none longer than `max_wait_s` by what the last ones
    took. The first refusal says that more arrives than can be answered; from then on a request is only taken when
    its answer will take no longer than twice that of an idle machine, until for a whole second less than half of
    what the machine can do was refused. Once a second's refusals are more than half of what the queue holds, those
    who wait in it are held to that, too. So a burst is answered late rather than not at all, and a flood does not
    make everybody late.
    """

    def __init__(
        self, slots: int, most_waiting: int, max_wait_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._slots, self._most_waiting, self._max_wait_s = slots, most_waiting, max_wait_s
        self._clock = clock
        self._lock = Lock()
        self._pace = Pace()
        self._refusals: deque[float] = deque()
        self._flooded_at: float | None = None

    @property
    def overloaded(self) -> bool:
        """Whether the second rule is in force."""
        return self._flooded_at is not None

    def record(self, seconds: float, *, alone: bool) -> None:
        """What an answer took, from its start to its end, whichever model gave it."""
        with self._lock:
            self._pace.record(seconds, alone=alone)

    def check(self, running: int, waiting: int, pace: Pace | None = None) -> None:
        """Raise EngineBusy unless a request may be taken beside those that run and wait.

        `pace` is that of its model; without one, all models' together.
        """
        with self._lock:
            wait_s = 0.0 if running + waiting < self._slots else self._answer_s * (waiting + 0.5) / self._slots
            self._calm_down()
            if not self._refused(wait_s, waiting, pace or self._pace):
                return
            self._note_refusal()
        raise _busy(wait_s, waiting)

    def check_late(self, waited_s: float, waiting: int, pace: Pace) -> None:
        """Raise EngineBusy unless what waited that long is still to be answered; `waiting` wait behind it."""
        with self._lock:
            self._calm_down()
            grown = self._flooded_at is not None and len(self._refusals) > self._most_waiting / 2
            if not grown or not self._late(waited_s, pace):
                return
            self._note_refusal()
            wait_s = self._answer_s * (waiting + 0.5) / self._slots
        raise _busy(wait_s, waiting)

    def _note_refusal(self) -> None:
        now = self._clock()
        self._flooded_at = now if self._flooded_at is None else self._flooded_at
        self._refusals.append(now)

    @property
    def _answer_s(self) -> float:
        return self._pace.shared_s or self._pace.alone_s

    def _refused(self, wait_s: float, waiting: int, pace: Pace) -> bool:
        if waiting >= self._most_waiting or wait_s > self._max_wait_s:
            return True
        return self._flooded_at is not None and wait_s > 0.0 and self._late(wait_s, pace)

    @staticmethod
    def _late(wait_s: float, pace: Pace) -> bool:
        return pace.idle_s > 0.0 and wait_s + (pace.shared_s or pace.idle_s) > _SLOWER_AT_MOST * pace.idle_s

    def _calm_down(self) -> None:
        now = self._clock()
        while self._refusals and self._refusals[0] <= now - _WINDOW_S:
            self._refusals.popleft()
        if self._flooded_at is None or self._flooded_at > now - _WINDOW_S:
            return
        able = self._slots * _WINDOW_S / self._answer_s if self._answer_s else math.inf
        if len(self._refusals) < able / 2:
            self._flooded_at = None


def _busy(wait_s: float, waiting: int) -> EngineBusy:
    retry_after_s = max(1, math.ceil(wait_s))
    wait = "one request waits" if waiting == 1 else f"{waiting} requests wait"
    return EngineBusy(
        f"every core is busy and {wait} already"
        if waiting
        else "more arrives at once than the cores can answer in time",
        hint=f"Try again in {retry_after_s} s, or send fewer requests at once.",
        details={"retry_after_s": retry_after_s, "waiting": waiting},
    )
