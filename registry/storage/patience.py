"""Calls that are made again while a service is away."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call is repeated, with growing pauses, until its error is given back."""

    seconds: float
    worth_repeating: Callable[[Exception], bool]

    def call(self, make: Callable[[], T]) -> T:
        """What `make` gives; its last error when time is up, at once when repeating cannot help."""
        end, pause_s = time.monotonic() + self.seconds, _FIRST_PAUSE_S
        while True:
            try:
                return make()
            except Exception as error:
                wait_s = pause_s * random.uniform(0.5, 1.0)  # noqa: S311 - spreads the callers, guards nothing
                if not self.worth_repeating(error) or time.monotonic() + wait_s > end:
                    raise
            time.sleep(wait_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
