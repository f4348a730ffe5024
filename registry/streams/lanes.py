"""The cameras' lanes, each held by one thread at a time."""

from collections.abc import Callable, Sequence
from threading import Lock

from registry.streams.detecting import Detector
from registry.streams.events import Event
from registry.streams.lane import Lane
from registry.streams.sinks import Notice


class Lanes:
    """Hands lanes to threads. `put` tells the sinks; `released`, called with the lock, hears of a lane that is free."""

    def __init__(self, put: Callable[[Notice], None], released: Callable[[Lane], None]) -> None:
        self.put, self._released = put, released
        self.lock = Lock()
        self._lanes: list[Lane] = []
        self._held: set[Lane] = set()
        self._forgotten: set[Lane] = set()  # of those that are held

    def add(self, lane: Lane) -> None:
        """Serve one more."""
        with self.lock:
            self._lanes.append(lane)

    def remove(self, lane: Lane) -> None:
        """Serve one no longer; its open events end, those of a lane that is held when it is let go of."""
        lane.close()
        with self.lock:
            self._lanes.remove(lane)
            if lane in self._held:
                self._forgotten.add(lane)
                return
        self.hand_on(lane.reset())

    def forget(self, lane: Lane) -> None:
        """Track nothing of a lane any more and end its open events, of one that is held when it is let go of."""
        with self.lock:
            if lane in self._held:
                self._forgotten.add(lane)
            if lane in self._held or lane not in self._lanes:
                return
            self._held.add(lane)
        try:
            self.hand_on(lane.reset())
        finally:
            self.let_go(lane)

    def hold(self, lane: Lane, detector: Detector) -> bool:
        """Have a lane to oneself until `let_go`, if it is free and looks with this detector still."""
        with self.lock:
            if lane in self._held or lane not in self._lanes or not _has(lane, detector):
                return False
            self._held.add(lane)
            return True

    def let_go(self, lane: Lane) -> None:
        """Leave a lane to others; its events end first where it was forgotten or removed meanwhile."""
        while self._is_to_be_reset(lane):
            self.hand_on(lane.reset())

    def _is_to_be_reset(self, lane: Lane) -> bool:
        """Whether a lane was forgotten while it was held; otherwise it is free from now on."""
        with self.lock:
            if lane in self._forgotten:
                self._forgotten.discard(lane)
                return True
            self._held.discard(lane)
            if lane in self._lanes:
                self._released(lane)
            return False

    def of(self, detector: Detector) -> list[Lane]:
        """Those that look with a detector; called with the lock."""
        return [lane for lane in self._lanes if _has(lane, detector)]

    def waiting(self, detector: Detector) -> int:
        """Frames for a detector that may be taken now; called with the lock."""
        return sum(len(lane.ring) for lane in self._lanes if _has(lane, detector) and lane not in self._held)

    def hand_on(self, events: Sequence[Event]) -> None:
        """Tell the sinks."""
        for event in events:
            self.put(event)


def _has(lane: Lane, detector: Detector) -> bool:
    return lane.detector is detector or lane.detector == detector  # asked several times for each frame
