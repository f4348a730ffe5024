"""Handing results on without ever waiting for who takes them."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Thread

from registry.streams.events import Event
from registry.streams.faults import tell_fault
from registry.streams.lane import FrameResult
from registry.streams.watch import CameraStatus


@dataclass(frozen=True, slots=True)
class StateChange:
    """A camera entered another state."""

    camera_id: str
    status: CameraStatus


Notice = FrameResult | Event | StateChange
Sink = Callable[[Notice], None]


class SinkPump:
    """Calls one sink in a thread of its own.

    Events and changes of state wait in line, `most` of them; of frame results only the newest of each camera waits.
    """

    def __init__(self, sink: Sink, most: int = 200) -> None:
        self._sink = sink
        self._line: deque[Event | StateChange] = deque()
        self._latest: dict[str, FrameResult] = {}
        self._most = most
        self._more = Condition()
        self._is_ending = False
        self.skipped = 0  # frame results that a newer one replaced
        self.lost = 0  # events and changes of state that found the line full
        self.failed = 0  # calls that raised
        self._thread = Thread(target=self._run, name="sink", daemon=True)
        self._thread.start()

    def put(self, notice: Notice) -> None:
        """Never blocks, never raises."""
        with self._more:
            if isinstance(notice, FrameResult):
                self.skipped += notice.frame.camera_id in self._latest
                self._latest[notice.frame.camera_id] = notice
            else:
                self._line.append(notice)
                if len(self._line) > self._most:
                    self._line.popleft()
                    self.lost += 1
            self._more.notify()

    def close(self, timeout_s: float = 10.0) -> None:
        """Hand on what waits, for so long at most."""
        with self._more:
            self._is_ending = True
            self._more.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while (notice := self._next()) is not None:
            try:
                self._sink(notice)
            except Exception:  # noqa: BLE001 - foreign code: what it breaks is its own
                self.failed += 1
                tell_fault("sink failed", notice=type(notice).__name__)

    def _next(self) -> Notice | None:
        with self._more:
            self._more.wait_for(lambda: self._line or self._latest or self._is_ending)
            if self._line:
                return self._line.popleft()
            if self._latest:
                return self._latest.pop(next(iter(self._latest)))
            return None
