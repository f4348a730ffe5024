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
            is_held = lane in self._held
        if not is_held:
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

    def hold(self, lane: Lane) -> bool:
        """Have a lane to oneself until `let_go`."""
        with self.lock:
            if lane in self._held or lane not in self._lanes:
                return False
            self._held.add(lane)
            return True

    def let_go(self, lane: Lane) -> None:
        """Leave a lane to others, or end its events if it was removed meanwhile."""
        is_gone = is_kept = False
        while not (is_gone or is_kept):
            with self.lock:
                is_forgotten = lane in self._forgotten
                self._forgotten.discard(lane)
                if not is_forgotten:
                    self._held.discard(lane)
                    is_kept = lane in self._lanes
                    is_gone = not is_kept
                if is_kept:
                    self._released(lane)
            if not is_kept:
                self.hand_on(lane.reset())

    def of(self, detector: Detector) -> list[Lane]:
        """Those that look with a detector, the one whose turn it is first; called with the lock."""
        return [lane for lane in self._lanes if lane.detector == detector]

    def turn(self) -> None:
        """The next one has its turn, so that a busy camera does not keep the others waiting; called with the lock."""
        self._lanes = [*self._lanes[1:], *self._lanes[:1]]

    def waiting(self, detector: Detector) -> int:
        """Frames for a detector that may be taken now; called with the lock."""
        return sum(len(lane.ring) for lane in self._lanes if lane.detector == detector and lane not in self._held)

    def hand_on(self, events: Sequence[Event]) -> None:
        """Tell the sinks."""
        for event in events:
            self.put(event)
