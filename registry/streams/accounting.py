"""What became of every frame of one camera."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock


class Outcome(StrEnum):
    """The four ends a frame can have."""

    INFERRED = "inferred"
    GATED = "gated"
    DROPPED = "dropped"
    FAILED = "failed"


class Drop(StrEnum):
    """Why a frame was dropped before it was inferred."""

    OVERRUN = "overrun"  # newer frames needed its place
    STALE = "stale"  # it waited too long to be of use
    RATE = "rate"  # more frames than were asked for
    REPEATED = "repeated"  # the same picture as before, from a camera that hangs
    STOPPED = "stopped"  # the camera was stopped while it waited
    NO_MODEL = "no_model"  # nothing to infer with


@dataclass(frozen=True, slots=True)
class Account:
    """The figures at one moment: captured = inferred + gated + dropped + failed + pending, always."""

    captured: int
    inferred: Mapping[str, int]  # by the detector's key
    gated: int
    dropped: Mapping[str, int]  # by reason
    failed: int
    pending: int

    @property
    def balanced(self) -> bool:
        """Whether nothing is lost, and nothing counted twice."""
        ends = sum(self.inferred.values()) + self.gated + sum(self.dropped.values()) + self.failed
        return self.captured == ends + self.pending


@dataclass(slots=True)
class Ledger:
    """Opens an entry for each frame and closes it once; safe from any thread."""

    _captured: int = 0
    _pending: set[int] = field(default_factory=set)
    _ends: Counter[tuple[Outcome, str]] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def capture(self) -> int:
        """The id of a new frame, counting from 1."""
        with self._lock:
            self._captured += 1
            self._pending.add(self._captured)
            return self._captured

    def settle(self, frame_id: int, outcome: Outcome, detail: str = "") -> None:
        """What became of a frame; `detail` is the detector's key or the reason. Raises ValueError the second time."""
        with self._lock:
            if frame_id not in self._pending:
                raise ValueError(f"frame {frame_id} was settled before, or never captured")
            self._pending.remove(frame_id)
            self._ends[outcome, detail] += 1

    def fail(self, frame_id: int) -> None:
        """A frame broke what worked on it; nothing happens if it was settled before that."""
        with self._lock:
            if frame_id in self._pending:
                self._pending.remove(frame_id)
                self._ends[Outcome.FAILED, ""] += 1

    def account(self) -> Account:
        """The figures now."""
        with self._lock:
            by = {
                outcome: {detail: count for (end, detail), count in self._ends.items() if end is outcome}
                for outcome in Outcome
            }
            return Account(
                self._captured,
                by[Outcome.INFERRED],
                sum(by[Outcome.GATED].values()),
                by[Outcome.DROPPED],
                sum(by[Outcome.FAILED].values()),
                len(self._pending),
            )
