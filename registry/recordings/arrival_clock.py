"""When a moment of a camera's stream came, from the times at which its packets did."""

import time
from collections import deque
from datetime import UTC, datetime, timedelta

_REMEMBERED = 60  # fragments, about a minute: the clocks of cameras drift


class ArrivalClock:
    """The shortest way a packet had is the best guess of the constant part; who was held up says nothing."""

    def __init__(self) -> None:
        self._offsets: deque[float] = deque(maxlen=_REMEMBERED)

    def arrived(self, stream_s: float, at_s: float) -> None:
        """What belongs to a second of the stream was there at a monotonic time."""
        self._offsets.append(at_s - stream_s)

    def at_s(self, stream_s: float) -> float:
        """The monotonic time at which a second of the stream came."""
        return stream_s + min(self._offsets, default=0.0)


def utc_of(at_s: float) -> datetime:
    """A monotonic time, by the clock as it is set now."""
    return datetime.now(UTC) - timedelta(seconds=time.monotonic() - at_s)


def monotonic_of(at: datetime) -> float:
    """A moment on the monotonic clock, by the clock as it is set now."""
    return time.monotonic() - (datetime.now(UTC) - at).total_seconds()
