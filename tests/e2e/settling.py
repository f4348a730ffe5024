"""When a page may be clicked on again."""

from playwright.sync_api import Page, expect

_RUNNING = "[data-testid=stApp]:not([data-test-script-state=notRunning])"


def settle(page: Page) -> None:
    """Wait until the page's script has run to its end: what it draws anew is not there for a click before."""
    expect(page.locator(_RUNNING)).to_have_count(0)
