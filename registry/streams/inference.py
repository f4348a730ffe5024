"""A thread for each detector, so that one which hangs, crashes or is slow costs the cameras of no other."""

import time
from collections.abc import Callable

from registry.streams.accounting import Drop, Outcome
from registry.streams.asking import Asker
from registry.streams.detecting import Detector
from registry.streams.lane import Lane
from registry.streams.lanes import Lanes
from registry.streams.sinks import Notice
from registry.streams.window import BatchWindow

DETECT_MOST_S = 10.0


class Inference:
    """Has each lane's frames looked at with the detector that it has at the moment.

    A detector that has not answered after `most_s` is given up with the thread that called it: its frames fail until
    the camera gets another one.
    """

    def __init__(
        self,
        put: Callable[[Notice], None],
        window: Callable[[], BatchWindow] = BatchWindow,
        most_s: float = DETECT_MOST_S,
    ) -> None:
        self._lanes = Lanes(put, self._released)
        self._window, self._most_s = window, most_s
        self._askers: dict[Detector, Asker] = {}
        self._barred: set[Detector] = set()  # those that hung

    def add(self, lane: Lane) -> None:
        """Serve one more camera."""
        self._lanes.add(lane)

    def remove(self, lane: Lane) -> None:
        """Serve a camera no longer; its open events end."""
        self._lanes.remove(lane)

    def forget(self, lane: Lane) -> None:
        """Its camera is away: nothing is tracked any more, its open events end."""
        self._lanes.forget(lane)

    def wake(self, lane: Lane) -> None:
        """A frame waits. The cameras' threads call this, so they are who notices a detector that hangs."""
        now, detector = time.monotonic(), lane.detector
        with self._lanes.lock:
            left = self._give_up(now)
            asker = self._asker(detector)
            if asker is not None:
                asker.wake(now)
        for each in left:
            self._lanes.let_go(each)
        if asker is None:
            _refuse(lane, detector)

    def close(self) -> None:
        """End after the batches that run."""
        with self._lanes.lock:
            askers = list(self._askers.values())
            for asker in askers:
                asker.end()
        ends_at = time.monotonic() + self._most_s
        for asker in askers:
            asker.join(max(0.0, ends_at - time.monotonic()))

    def _asker(self, detector: Detector | None) -> Asker | None:
        """The thread that asks a detector, begun with the first frame; none for one that hung."""
        if detector is None or detector in self._barred:
            return None
        asker = self._askers.get(detector)
        if asker is None:
            asker = self._askers[detector] = Asker(detector, self._lanes, self._window(), self._ended)
        return asker

    def _ended(self, asker: Asker) -> None:
        """No camera has its detector any more."""
        self._askers.pop(asker.detector, None)

    def _released(self, lane: Lane) -> None:
        """It may have another detector by now, whose thread waits for it."""
        asker = self._askers.get(lane.detector) if lane.detector is not None else None
        if asker is not None:
            asker.look()

    def _give_up(self, now: float) -> list[Lane]:
        """Leave detectors that hang; the lanes that waited for them."""
        left: list[Lane] = []
        for asker in [each for each in self._askers.values() if each.hangs(now, self._most_s)]:
            self._barred.add(asker.detector)
            del self._askers[asker.detector]
            left += asker.give_up()
        return left


def _refuse(lane: Lane, detector: Detector | None) -> None:
    """Nobody looks at what waits."""
    while look := lane.ring.take():
        if detector is None:
            lane.ledger.settle(look.frame.frame_id, Outcome.DROPPED, Drop.NO_MODEL)
        else:
            lane.ledger.fail(look.frame.frame_id)
