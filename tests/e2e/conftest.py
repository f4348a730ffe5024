"""A real Chromium before a platform that was just started for the first time."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from registry.access.accounts import Accounts
from registry.records import open_database
from registry.testing.chromium import ARGUMENTS
from registry.testing.platform import Running, running_platform
from registry.testing.requirements import require_tool
from tests.e2e.settling import PATIENCE_MS, settle, unhurried

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A walk in the browser may be slower than any other test, where it says nothing else."""
    for item in items:
        if item.path.is_relative_to(_HERE) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="module")  # Playwright keeps an event loop running: not for other folders' tests to find
def chromium() -> Iterator[Browser]:
    """The machine's Chromium."""
    program = require_tool("chromium", "install it with your package manager, e.g. apt install chromium")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright, unhurried():
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A platform without an administrator."""
    with running_platform(tmp_path_factory.mktemp("fresh") / "home", administrator=False) as running:
        yield running


@pytest.fixture(scope="module")
def setup_link(fresh: Running) -> str:
    """The link that `nexusai up` prints at the first start."""
    database = open_database(fresh.settings.records_url)
    token = Accounts(database, fresh.settings).setup_token()
    database.close()
    return f"{fresh.url}/?setup={token}"


@pytest.fixture(scope="module")
def window(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser window of 1440 x 900 with its own cookies."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture(scope="module")
def complaints() -> list[str]:
    """What the browser complained about: errors on the console, pages that threw, requests to other hosts."""
    return []


@pytest.fixture(scope="module")
def page(window: BrowserContext, fresh: Running, complaints: list[str]) -> Page:
    """A tab whose complaints are collected."""
    tab = window.new_page()

    def heard(message: ConsoleMessage) -> None:
        # on a deep link Streamlit first looks for its server below the page's own path, which is a 404
        looking = "/_stcore/" in message.location["url"] and "404" in message.text
        refused = message.location["url"].endswith("/api/v1/models/upload")  # the form shows why
        if message.type == "error" and not looking and not refused:
            complaints.append(f"{message.text} {message.location['url']}")

    tab.on("console", heard)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: _local(request.url, fresh.url, complaints))
    return tab


@pytest.fixture(scope="module")
def password() -> str:
    return secrets.token_urlsafe(12)


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where the documentation's screenshots lie."""
    folder = _HERE.parents[1] / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def settled() -> Callable[[Page], None]:
    """Wait until the page's script has run to its end."""
    return settle


def _local(url: str, base: str, complaints: list[str]) -> None:
    if not url.startswith((base, "data:", "blob:")):
        complaints.append(f"request to another host: {url}")
