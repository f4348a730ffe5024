"""Signs that a source misbehaves: the same picture over and over, or far too many."""

import zlib
from dataclasses import dataclass, field

from registry.streams.accounting import Drop
from registry.streams.loss import Reason

_WINDOW_S = 2.0
_LEAST_PICTURES = 2  # in a window: the first one of a connection comes at once, however few are wanted


@dataclass(frozen=True, slots=True)
class SanityLimits:
    """When a source counts as misbehaving."""

    repeated_after_s: float = 10.0  # the same picture for so long is a camera that hangs; 0 switches this off
    reconnect_after: float = 3.0  # times `repeated_after_s`: connect anew
    most_source_fps: float = 150.0
    surplus: float = 4.0  # times the wanted rate: connect anew


@dataclass(slots=True)
class Sanity:
    """Judges the pictures of one connection; times are monotonic seconds."""

    wanted_fps: float
    limits: SanityLimits = field(default_factory=SanityLimits)
    repeating: bool = False
    _checksum: int = -1
    _changed_at: float = 0.0
    _due: float = 0.0
    _window_from: float = -1.0
    _window_pictures: int = 0
    _window_arrivals: int = 0

    def judge(self, luma: bytes | memoryview, now: float) -> Drop | None:
        """Why this picture is not to be used, if it is not."""
        self._window_pictures += 1
        checksum = zlib.crc32(luma)
        if checksum != self._checksum:
            self._checksum, self._changed_at = checksum, now
        after = self.limits.repeated_after_s
        self.repeating = after > 0 and now - self._changed_at >= after
        if self.repeating:
            return Drop.REPEATED
        gap = 1 / self.wanted_fps
        if now < self._due - 1.5 * gap:  # a burst of two or three after a pause is in order
            return Drop.RATE
        self._due = max(self._due + gap * 0.8, now - gap)
        return None

    def verdict(self, arrivals: int, now: float) -> Reason:
        """Whether the connection has to be given up; `arrivals` is how many pictures the source has sent so far."""
        if self.repeating and now - self._changed_at >= self.limits.repeated_after_s * self.limits.reconnect_after:
            return Reason.REPEATED
        if self._window_from < 0:
            self._window_from, self._window_arrivals, self._window_pictures = now, arrivals, 0
        arrived = arrivals - self._window_arrivals
        most = self.limits.most_source_fps * _WINDOW_S
        most_pictures = max(_LEAST_PICTURES, self.wanted_fps * self.limits.surplus * _WINDOW_S)
        if arrived > most or self._window_pictures > most_pictures:
            return Reason.RUNAWAY  # without waiting for the window's end: it takes a core meanwhile
        if now - self._window_from >= _WINDOW_S:
            self._window_from, self._window_arrivals, self._window_pictures = now, arrivals, 0
        return Reason.NONE
