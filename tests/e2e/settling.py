"""When a page may be clicked on again, and what it shows is counted."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Any

import pytest
from playwright.sync_api import Error, Locator, LocatorAssertions, Page, expect

PATIENCE_MS = 180_000  # a click is seen to work, however busy the machine is: no figure of the product
_RUNNING = "[data-testid=stApp]:not([data-test-script-state=notRunning])"
_A_LOOK_MS, _LONGEST_MS = 60, 20_000  # some pages run for as long as what they show
_ALL_ARRIVED = """() => [...document.querySelectorAll('img[src*="/media/"]')].every((each) => each.complete)"""
_BY_HAND = ("click", "fill", "press", "set_input_files")
_BY_EYE = ("evaluate", "get_attribute", "inner_text", "wait_for")
_TWICE, _LOOKS, _APART_S = "strict mode violation", 40, 0.3  # while it is drawn anew, old and new stand there together


def settle(page: Page, longest_ms: float = PATIENCE_MS) -> None:
    """Wait until the page's script has run to its end: what it draws anew is not there for a click before."""
    expect(page.locator(_RUNNING)).to_have_count(0, timeout=longest_ms)


@contextmanager
def unhurried() -> Iterator[None]:
    """Let nobody click on, or type into, what is about to be drawn anew, or see it double: a person would wait, too."""
    with pytest.MonkeyPatch.context() as patch:
        for name in _BY_HAND:
            patch.setattr(Locator, name, _after_a_look(getattr(Locator, name)))
        for kind, names in ((Locator, _BY_EYE), (LocatorAssertions, _claims())):
            for name in names:
                patch.setattr(kind, name, _until_it_is_one(getattr(kind, name)))
        yield


def _claims() -> list[str]:
    return [name for name in vars(LocatorAssertions) if name.startswith(("to_", "not_to_"))]


def _until_it_is_one(look: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(look)
    def looked(self: Locator | LocatorAssertions, *arguments: Any, **named: Any) -> Any:
        for _ in range(_LOOKS):
            try:
                return look(self, *arguments, **named)
            except (AssertionError, Error) as error:
                if _TWICE not in str(error):
                    raise
            self._sync(asyncio.sleep(_APART_S))
        return look(self, *arguments, **named)

    return looked


def _after_a_look(act: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(act)
    def acted(self: Locator, *arguments: Any, **named: Any) -> Any:
        self.page.wait_for_timeout(_A_LOOK_MS)  # the run that the act before has started is under way by then
        with suppress(AssertionError):
            settle(self.page, _LONGEST_MS)
        _let_arrive(self.page)
        return act(self, *arguments, **named)

    return acted


def _let_arrive(page: Page) -> None:
    """Streamlit drops the pictures of a run with the next one: a browser that fetches slowly would find some gone."""
    for _ in range(_LOOKS):
        if page.evaluate(_ALL_ARRIVED):
            return
        page.wait_for_timeout(_APART_S * 1e3)
