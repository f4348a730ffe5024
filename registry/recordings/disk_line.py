"""The thread that writes to the disk, behind a line that is bounded in bytes."""

from collections import deque
from collections.abc import Callable
from threading import Condition, Thread

from registry.streams.faults import tell_fault

MOST_BYTES = 64 << 20


class DiskLine:
    """Work in order; what finds the line full is refused, so that a slow disk never holds up a camera."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._work: deque[tuple[Callable[[], None], int]] = deque()
        self._bytes = 0
        self._more = Condition()
        self._is_ending = False
        self._thread = Thread(target=self._run, name="recordings", daemon=True)
        self._thread.start()

    def put(self, work: Callable[[], None], size: int = 0) -> bool:
        """Whether it will be done. Never blocks."""
        with self._more:
            if self._is_ending or (size and self._bytes + size > self._most):
                return False
            self._work.append((work, size))
            self._bytes += size
            self._more.notify()
            return True

    def close(self, timeout_s: float = 10.0) -> None:
        """Do what waits, for so long at most."""
        with self._more:
            self._is_ending = True
            self._more.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._more:
                self._more.wait_for(lambda: self._work or self._is_ending)
                if not self._work:
                    return
                work, size = self._work.popleft()
            try:
                work()
            except Exception:  # noqa: BLE001 - a fault costs one piece of work
                tell_fault("recording failed")
            finally:
                with self._more:
                    self._bytes -= size
