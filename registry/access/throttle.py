"""Wrong passwords make the next guess wait: counted per account, per address, or per known browser."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete

from registry.errors import TooManyAttempts
from registry.records import LoginThrottle, one_at_a_time, utc_now

LONGEST_DELAY_S = 900
_FORGET_AFTER = timedelta(hours=24)
_CLOCKS_DIFFER = timedelta(seconds=5)  # between the machines that share a database
_STRIPES = 256
_PRUNE_EVERY_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Counted:
    """What failures are counted for, and how many are free."""

    key: str
    free: int


class Throttle:
    """Counts failures in the database; in this process one guess at a time per key is evaluated.

    Without turns, guesses that arrive together would all pass before the first failure is counted. Other processes
    see a failure as soon as it is counted.
    """

    def __init__(self) -> None:
        self._turns = [threading.Lock() for _ in range(_STRIPES)]
        self._pruned_at = float("-inf")

    @contextmanager
    def turn(self, counted: Counted) -> Iterator[None]:
        """The turn of a key: whoever else guesses for it waits until the block ends."""
        with self._turns[hash(counted.key) % _STRIPES]:
            yield

    def count_failure(self, session: Session, counted: Sequence[Counted]) -> None:
        """Add a failure to each, in the caller's write transaction."""
        now = utc_now()
        for each in sorted(counted, key=lambda one: one.key):  # in one order, or two writers wait for each other
            _count(session, each, now)
        if time.monotonic() - self._pruned_at > _PRUNE_EVERY_S:
            self._pruned_at = time.monotonic()
            session.exec(delete(LoginThrottle).where(col(LoginThrottle.last_failure_at) < now - _FORGET_AFTER))


def refuse_if_blocked(session: Session, counted: Sequence[Counted]) -> None:
    """Raise TooManyAttempts while one of them must wait."""
    now = utc_now()
    for each in counted:
        seconds = _wait_s(session.get(LoginThrottle, each.key), now)
        if seconds > 0:
            raise TooManyAttempts(
                f"too many failed sign-ins: try again in {seconds} s", details={"retry_after_s": seconds}
            )


def forget_failures(session: Session, counted: Counted) -> None:
    """Start over after a right password, in the caller's write transaction."""
    throttle = session.get(LoginThrottle, counted.key)
    if throttle:
        session.delete(throttle)


def _wait_s(throttle: LoginThrottle | None, now: datetime) -> int:
    """Whole seconds to wait. A failure of the future tells that the clock was set back: then nobody waits."""
    if throttle is None or throttle.blocked_until is None or throttle.last_failure_at > now + _CLOCKS_DIFFER:
        return 0
    left = (throttle.blocked_until - now).total_seconds()
    return int(left) + 1 if left > 0 else 0


def _count(session: Session, counted: Counted, now: datetime) -> None:
    one_at_a_time(session.connection(), counted.key)
    throttle = session.get(LoginThrottle, counted.key) or LoginThrottle(key=counted.key)
    if throttle.last_failure_at + _FORGET_AFTER < now:
        throttle.failures = 0
    throttle.failures += 1
    throttle.last_failure_at = now
    throttle.blocked_until = None
    if throttle.failures > counted.free:
        delay_s = min(2 ** min(throttle.failures - counted.free, 20), LONGEST_DELAY_S)
        throttle.blocked_until = now + timedelta(seconds=delay_s)
    session.add(throttle)
