"""When a page may be clicked on again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

PATIENCE_MS = 180_000  # a click is seen to work, however busy the machine is: no figure of the product
_RUNNING = "[data-testid=stApp]:not([data-test-script-state=notRunning])"
_A_LOOK_MS, _LONGEST_MS = 60, 20_000  # some pages run for as long as what they show
_BY_HAND = ("click", "fill", "press", "set_input_files")


def settle(page: Page, longest_ms: float = PATIENCE_MS) -> None:
    """Wait until the page's script has run to its end: what it draws anew is not there for a click before."""
    expect(page.locator(_RUNNING)).to_have_count(0, timeout=longest_ms)


@contextmanager
def unhurried() -> Iterator[None]:
    """Let nobody click on, or type into, what is about to be drawn anew: a person would wait for it, too."""
    with pytest.MonkeyPatch.context() as patch:
        for name in _BY_HAND:
            patch.setattr(Locator, name, _after_a_look(getattr(Locator, name)))
        yield


def _after_a_look(act: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(act)
    def acted(self: Locator, *arguments: Any, **named: Any) -> Any:
        self.page.wait_for_timeout(_A_LOOK_MS)  # the run that the act before has started is under way by then
        with suppress(AssertionError):
            settle(self.page, _LONGEST_MS)
        return act(self, *arguments, **named)

    return acted
