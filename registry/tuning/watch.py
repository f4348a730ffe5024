"""Long work that tells how far it is, can be called off, and knows when its time is up."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from registry.errors import Cancelled
from registry.jobs.beside import beside
from registry.runtime.run_deadline import WATCHDOG

T = TypeVar("T")


def called_off(check: Callable[[], None], work: Callable[[], T]) -> T:
    """`beside`, which also ends the run of a graph that is left behind: in a process that does nothing else.

    Raises what `check` and `work` raise.
    """
    try:
        return beside(check, work)
    except BaseException:
        WATCHDOG.end_all()
        raise


@dataclass(slots=True)
class Watch:
    """`progress(share, text)` is told how far the work is, from 0 to 1; `cancelled()` says whether to stop.

    `seconds` is the time that the measuring may take, counted from now.
    """

    seconds: float
    progress: Callable[[float, str], None] = lambda _share, _text: None
    cancelled: Callable[[], bool] = lambda: False
    started: float = field(default_factory=time.monotonic)

    @property
    def spent(self) -> float:
        """The share of the time that has gone by."""
        return (time.monotonic() - self.started) / self.seconds

    def check(self) -> None:
        """Raise Cancelled when the work was called off."""
        if self.cancelled():
            raise Cancelled("the tuning was cancelled; nothing of it was kept")

    def tell(self, share: float, text: str) -> None:
        """Say how far the work is, unless it was called off: then raise Cancelled."""
        self.check()
        self.progress(min(share, 1.0), text)
