"""Taking away what is older than events are kept for, now and then, beside everything else."""

import threading
from collections.abc import Callable

import structlog

from registry.cameras.events import Events
from registry.errors import RegistryError
from registry.records import Aging

_FIRST_S, _EVERY_S = 60.0, 900.0
_log = structlog.get_logger(__name__)


class EventUpkeep:
    """A thread of a camera worker; several may do it at once, on one host or on many. `open_events` is called in it."""

    def __init__(
        self, open_events: Callable[[], Events], first_s: float = _FIRST_S, aging: Aging | None = None
    ) -> None:
        self._open_events, self._first_s, self._aging = open_events, first_s, aging or Aging()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="event-upkeep", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End soon."""
        self._ending.set()

    def _run(self) -> None:
        wait_s = self._first_s
        while not self._ending.wait(wait_s):
            wait_s = _EVERY_S
            if not self._aging.counts():
                _log.warning("old events stay", reason="the clock was set forward within the last hour")
                continue
            try:
                removed = self._open_events().expire()
            except RegistryError as error:
                _log.warning("old events stay", code=error.code, reason=error.message)
            except Exception as error:  # noqa: BLE001 - the edge of a thread
                _log.error("event upkeep failed", exc_info=error)
            else:
                if removed:
                    _log.info("old events removed", events=removed)
