"""The steps of a model's way in, on the terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.cli.say import line

if TYPE_CHECKING:
    from registry.models.journey import Journey, Step

_RUNNING = "running"


@contextmanager
def following(*, quiet: bool) -> Iterator["Journey"]:
    """A journey whose steps are printed when they end; on a terminal the running one shows how far it is."""
    from registry.models.journey import Journey, nobody

    if quiet:
        yield Journey(nobody)
        return
    shown = _Shown()
    try:
        yield Journey(shown.step)
    finally:
        shown.clear()


class _Shown:
    """What is on the terminal."""

    def __init__(self) -> None:
        self._open = False

    def step(self, steps: "tuple[Step, ...]") -> None:
        changed = next((step for step in reversed(steps) if step.state != "waiting"), None)
        if changed is None:
            return
        if changed.state != _RUNNING:
            self.clear()
            line(f"  {changed.name:<9}{changed.state:<9}{changed.detail}")
        elif sys.stdout.isatty():
            self.clear()
            sys.stdout.write(f"  {changed.name:<9}{changed.detail or '…'}")
            sys.stdout.flush()
            self._open = True

    def clear(self) -> None:
        """Take the unfinished line away."""
        if self._open:
            sys.stdout.write("\r\x1b[K")
            self._open = False
