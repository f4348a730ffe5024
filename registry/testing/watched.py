"""A camera that a test watches, with all that came from it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from registry.streams.frames import Frame
from registry.streams.watch import CameraStatus, CameraWatch


@dataclass
class Watched:
    """A camera being watched, with all that came."""

    watch: CameraWatch
    frames: list[Frame] = field(default_factory=list)
    changes: list[CameraStatus] = field(default_factory=list)

    @property
    def states(self) -> list[str]:
        """Every state entered, in order."""
        return [str(change.state) for change in self.changes]

    def wait_for(self, holds: Callable[[], bool], seconds: float = 20.0) -> float:
        """Seconds until something holds; fails with what is known when it does not."""
        try:
            return wait_until(holds, seconds)
        except TimeoutError as error:
            raise AssertionError((self.watch.status(), self.states)) from error

    def wait_live(self, seconds: float = 20.0) -> float:
        """Seconds until the next frame."""
        seen = len(self.frames)
        return self.wait_for(lambda: len(self.frames) > seen, seconds)


def wait_until(holds: Callable[[], object], seconds: float) -> float:
    """Seconds until something holds. Raises TimeoutError."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"it did not come true within {seconds:g} s")
        time.sleep(0.01)
    return time.monotonic() - began
