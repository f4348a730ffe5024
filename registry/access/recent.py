"""Answers remembered for a moment, so that a busy caller does not ask the database every time."""

import threading
import time
from typing import Generic, TypeVar

Value = TypeVar("Value")

SECONDS = 1.0  # how long a revocation may take to be seen
_MOST = 10_000


class Recent(Generic[Value]):
    """Values by key for SECONDS; safe to use from several threads. A remembered None is told from nothing."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[float, Value]] = {}
        self._lock = threading.Lock()

    def get(self, key: str) -> tuple[Value] | None:
        """The value in a tuple of one, or None when there is none that is young enough."""
        with self._lock:
            found = self._values.get(key)
        return (found[1],) if found and found[0] > time.monotonic() else None

    def put(self, key: str, value: Value) -> Value:
        """Remember a value; gives it back."""
        with self._lock:
            if len(self._values) >= _MOST:
                self._values.clear()
            self._values[key] = (time.monotonic() + SECONDS, value)
        return value

    def forget(self, key: str) -> None:
        """Drop one value."""
        with self._lock:
            self._values.pop(key, None)

    def clear(self) -> None:
        """Drop them all."""
        with self._lock:
            self._values.clear()
