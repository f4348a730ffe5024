"""The clock that leases and holds are judged by: the database's, which all processes share; and when one was set."""

import time
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import Session

from registry.records.tables import utc_now

_DRIFT_S, _LEAP_S, _PROVEN_S = 1.0, 60.0, 3_600.0


def database_now(session: Session) -> datetime:
    """The time by the database's clock; SQLite's is this machine's."""
    if session.connection().dialect.name == "postgresql":
        now: datetime = session.connection().execute(select(func.clock_timestamp())).scalar_one()
        return now
    return utc_now()


class ClockWatch:
    """Notices that a clock was set, beside the monotonic one, which nobody sets. Used by one thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._ahead_s: float | None = None

    def look(self, now: datetime) -> float:
        """By how many seconds the clock was set since the last look, back or forward; 0 for less than a second."""
        ahead_s = now.timestamp() - self._monotonic()
        before_s, self._ahead_s = self._ahead_s, ahead_s
        set_s = 0.0 if before_s is None else ahead_s - before_s
        return set_s if abs(set_s) >= _DRIFT_S else 0.0


class Aging:
    """Whether what is old by the clock may go. A clock that leaps forward may be wrong: for an hour nothing ages."""

    def __init__(self, now: Callable[[], datetime] = utc_now, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._now, self._monotonic = now, monotonic
        self._watch = ClockWatch(monotonic)
        self._watch.look(now())
        self._leapt_s = 0.0
        self._until_s = float("-inf")

    def counts(self) -> bool:
        """Whether it does now; to be asked before each time that something is to go. Safe from one thread."""
        set_s = self._watch.look(self._now())
        if self._monotonic() >= self._until_s:
            self._leapt_s = 0.0
        if set_s:
            self._leapt_s += set_s
            self._until_s = self._monotonic() + _PROVEN_S
        return self._leapt_s < _LEAP_S or self._monotonic() >= self._until_s
