"""The clock that leases and holds are judged by: the database's, which all processes share; and when one was set."""

import json
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from math import isnan
from pathlib import Path

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
    """Notices that a clock was set, beside the monotonic one, which nobody sets. Used by one thread.

    `ahead_s` is by how much it was ahead of the monotonic one at the last look, None before the first.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, ahead_s: float | None = None) -> None:
        self._monotonic = monotonic
        self.ahead_s = ahead_s

    def look(self, now: datetime) -> float:
        """By how many seconds the clock was set since the last look, back or forward; 0 for less than a second."""
        ahead_s = now.timestamp() - self._monotonic()
        before_s, self.ahead_s = self.ahead_s, ahead_s
        set_s = 0.0 if before_s is None else ahead_s - before_s
        return set_s if abs(set_s) >= _DRIFT_S else 0.0


class Aging:
    """Whether what is old by the clock may go. A clock that leaps forward may be wrong: for an hour nothing ages.

    What it knows stays in a file of this host, `kept`, for the process that comes after this one; processes may share
    it. After a start of the machine its monotonic clock begins anew, and what was kept tells nothing.
    """

    def __init__(
        self,
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        kept: Path | None = None,
    ) -> None:
        self._now, self._monotonic, self._file = now, monotonic, kept
        self._known = _read(kept) if kept else None
        ahead_s, self._leapt_s, self._until_s = self._known or (None, 0.0, float("-inf"))
        self._watch = ClockWatch(monotonic, ahead_s)
        self.counts()

    def counts(self) -> bool:
        """Whether it does now; to be asked before each time that something is to go. Safe from one thread."""
        set_s = self._watch.look(self._now())
        if self._monotonic() >= self._until_s:
            self._leapt_s = 0.0
        if set_s:
            self._leapt_s += set_s
            self._until_s = self._monotonic() + _PROVEN_S
        if self._file is not None:
            self._keep(self._file)
        return self._leapt_s < _LEAP_S or self._monotonic() >= self._until_s

    def _keep(self, path: Path) -> None:
        """Write down what has changed; a disk that takes nothing costs only the memory of the next process."""
        now = (self._watch.ahead_s or 0.0, self._leapt_s, self._until_s)
        before = self._known
        if before is not None and now[1:] == before[1:] and abs(now[0] - before[0]) < _DRIFT_S / 2:
            return
        self._known = now
        draft = path.with_suffix(f".{secrets.token_hex(6)}")
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps([_boot(), *now]), "utf-8")
            draft.replace(path)


def _read(path: Path) -> tuple[float, float, float] | None:
    """What another process of this boot knew: by how much the clock was ahead, leapt, and until when that counts."""
    try:
        boot, ahead_s, leapt_s, until_s = json.loads(path.read_text("utf-8"))
        known = (float(ahead_s), float(leapt_s), float(until_s))
    except (OSError, ValueError, TypeError):
        return None
    return known if boot == _boot() and not any(isnan(each) for each in known) else None


def _boot() -> str:
    """Which start of the machine the monotonic clock counts from; a random one where that cannot be told."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return secrets.token_hex(8)
