"""An account's life in a browser: made, approved, used in two browsers, its password changed, guessed at.

The tests are the steps of one walk and run in this order.
"""

import time
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app.platform import Platform
from registry.access.actor import local_actor
from registry.records import SettingValue
from registry.testing.platform import PASSWORD, Running
from tests.e2e.settling import PATIENCE_MS

NAME, NEW = "bob", "another horse"


@pytest.fixture(scope="module")
def rooms(fresh: Running) -> Iterator[Platform]:
    """The rooms of the running platform, where registration is open and an administrator exists."""
    opened = Platform.open(fresh.settings)
    opened.accounts.set_up(opened.accounts.setup_token() or "", "ada", PASSWORD)
    with opened.database.write() as session:
        session.add(SettingValue(key="registration_open", value=True))
    yield opened
    opened.database.close()


@pytest.fixture(scope="module")
def elsewhere(chromium: Browser) -> Iterator[BrowserContext]:
    """Another browser."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


def _sign_in(page: Page, password: str) -> None:
    expect(page.get_by_label("Password again")).to_have_count(0)  # the form before is gone
    expect(page.get_by_label("User name")).to_have_count(1)
    page.get_by_label("User name").fill(NAME)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def _signed_in(page: Page) -> None:
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def test_somebody_makes_an_account_and_waits(page: Page, fresh: Running, rooms: Platform) -> None:
    time.sleep(2)  # by then the open registration counts in every process
    page.goto(fresh.url)
    page.get_by_role("button", name="Create an account").click()
    expect(page.get_by_role("heading", name="Create an account")).to_be_visible()
    expect(page.get_by_label("User name")).to_have_count(1)  # the sign-in form is gone
    page.get_by_label("User name").fill(NAME)
    page.get_by_label("Full name (optional)").fill("Bob <b>B.</b>")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD + "x")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_text("The two passwords differ")).to_be_visible()
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_text("once an administrator has approved it")).to_be_visible()
    _sign_in(page, PASSWORD)
    expect(page.get_by_text("waits for an administrator")).to_be_visible()


def test_once_approved_it_signs_in(page: Page, rooms: Platform, window: BrowserContext) -> None:
    rooms.people.set_active(local_actor(), rooms.people.named(local_actor(), NAME).id, active=True)
    page.get_by_role("button", name="Sign in").click()
    _signed_in(page)
    [known] = [each for each in window.cookies() if each["name"] == "nexusai_browser"]
    assert known["httpOnly"]
    assert known["sameSite"] == "Lax"


def test_the_account_page_shows_and_saves_the_profile(page: Page, fresh: Running) -> None:
    page.goto(f"{fresh.url}/account")
    expect(page.get_by_label("Full name")).to_have_value("Bob <b>B.</b>")
    page.get_by_label("Email").fill("bob@example.com")
    page.get_by_role("button", name="Save profile").click()
    expect(page.get_by_text("Your profile is saved")).to_be_visible()


def test_a_session_ended_from_here_closes_the_page_over_there(
    page: Page, fresh: Running, elsewhere: BrowserContext
) -> None:
    other = elsewhere.new_page()
    other.goto(fresh.url)
    _sign_in(other, PASSWORD)
    _signed_in(other)
    other.goto(f"{fresh.url}/account")  # a page that never runs by itself
    expect(other.get_by_label("Full name")).to_be_visible()
    page.reload()
    expect(page.get_by_text("this browser")).to_have_count(1)
    page.get_by_role("button", name="End", exact=True).click()
    expect(page.get_by_role("button", name="End", exact=True)).to_have_count(0)
    other.get_by_test_id("stSidebarNav").get_by_role("link", name="Models").click()  # its next run
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(other.get_by_test_id("stSidebar")).not_to_be_visible()
    _sign_in(other, PASSWORD)
    expect(other.get_by_test_id("stSidebarNav")).to_be_visible()
    other.close()


def test_a_password_change_signs_out_everywhere_but_here(page: Page, fresh: Running, elsewhere: BrowserContext) -> None:
    page.get_by_label("Current password").fill("wrong horse")
    page.get_by_label("New password", exact=True).fill(NEW)
    page.get_by_label("New password again").fill(NEW)
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("The current password is wrong")).to_be_visible()
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill(NEW)
    page.get_by_label("New password again").fill(NEW)
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("Your password is changed")).to_be_visible()
    other = elsewhere.new_page()
    other.goto(f"{fresh.url}/account")
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    other.close()
    page.reload()
    expect(page.get_by_text("this browser")).to_be_visible()


def test_whoever_guesses_does_not_lock_the_owner_out_of_a_browser_of_theirs(page: Page, fresh: Running) -> None:
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    wrong = {"username": NAME, "password": "wrong horse"}
    statuses = [httpx.post(f"{fresh.url}/api/v1/auth/login", json=wrong, timeout=30).status_code for _ in range(20)]
    assert 429 in statuses
    _sign_in(page, NEW)
    expect(page.get_by_test_id("stSidebarNav")).to_be_visible()


def test_the_browser_had_nothing_to_complain_about(complaints: list[str]) -> None:
    assert complaints == []
