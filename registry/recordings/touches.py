"""When something happened at a camera, as far back as an undecided segment may need it."""

from dataclasses import dataclass, field
from threading import Lock

_JOINED_S = 1.0
_REMEMBERED_S = 1_200.0
_MOST = 2_000


@dataclass
class Touches:
    """Spans of seconds on the monotonic clock, which nobody sets; safe from any thread."""

    _spans: list[tuple[float, float]] = field(default_factory=list)
    _open: dict[str, float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def mark(self, at_s: float, until_s: float | None = None) -> None:
        """Something happened at a moment, or up to another."""
        until_s = max(at_s, at_s if until_s is None else until_s)
        with self._lock:
            if self._spans and self._spans[-1][0] <= at_s <= self._spans[-1][1] + _JOINED_S:
                begin, end = self._spans[-1]
                self._spans[-1] = (begin, max(end, until_s))
                return
            self._spans.append((at_s, until_s))
            self._spans = [span for span in self._spans[-_MOST:] if span[1] >= until_s - _REMEMBERED_S]

    def begin(self, name: str, at_s: float) -> None:
        """Something began that goes on until `end`."""
        with self._lock:
            self._open.setdefault(name, at_s)

    def end(self, name: str, began_s: float, lasted_s: float) -> None:
        """It is over; `began_s` counts where nobody told that it began."""
        with self._lock:
            began_s = self._open.pop(name, began_s)
        self.mark(began_s, began_s + lasted_s)

    def overlap(self, begin_s: float, end_s: float) -> bool:
        """Whether anything happened between two moments."""
        with self._lock:
            going_on = any(began <= end_s for began in self._open.values())
            return going_on or any(first <= end_s and last >= begin_s for first, last in self._spans)
