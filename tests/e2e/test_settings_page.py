"""An administrator changes settings in a browser, and somebody else does at the same time.

The tests are the steps of one walk and run in this order.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from registry.access import Actor
from registry.access.accounts import Accounts
from registry.access.actor import local_actor
from registry.access.live import Live, SettingsEditor
from registry.records import Database, Role, open_database
from registry.testing.platform import Running

EVE, GRACE = "engine-of-analysis", Actor("c" * 32, "grace", Role.ADMIN)
NOTICE = "Maintenance at 18:00 <b>today</b> :material/home:"


@pytest.fixture(scope="module")
def records(fresh: Running) -> Iterator[Database]:
    database = open_database(fresh.settings.records_url)
    yield database
    database.close()


@pytest.fixture(scope="module")
def editor(records: Database, fresh: Running) -> SettingsEditor:
    """Somebody else, at another machine."""
    return SettingsEditor(records, Live(records, fresh.settings))


@pytest.fixture(scope="module", autouse=True)
def _people(records: Database, fresh: Running, password: str) -> None:
    accounts = Accounts(records, fresh.settings)
    accounts.create(local_actor(), "ada", password, Role.ADMIN)
    accounts.create(local_actor(), "eve", EVE, Role.ENGINEER)


def _sign_in(page: Page, url: str, name: str, password: str) -> None:
    page.goto(url)
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def _open(page: Page, category: str) -> None:
    page.locator(".st-key-settings_categories").get_by_role("button", name=category).click()
    expect(page.get_by_role("heading", name=category)).to_be_visible()


def _type(page: Page, label: str, text: str) -> None:
    page.get_by_label(label, exact=True).fill(text)
    page.get_by_label(label, exact=True).press("Tab")


def _save(page: Page) -> None:
    page.get_by_role("button", name="Save changes").click()


def _stored(editor: SettingsEditor, key: str) -> Any:
    return editor.get(local_actor(), key).value


def test_a_wrong_value_is_told_beside_its_field_and_nothing_is_saved(
    page: Page, fresh: Running, password: str, editor: SettingsEditor
) -> None:
    _sign_in(page, fresh.url, "ada", password)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Settings").click()
    _open(page, "Limits")
    _type(page, "Per user", "5")
    _type(page, "Per API key", "700")
    _save(page)
    expect(page.get_by_text("Expected a whole number from 10 to 1,000,000, got 5")).to_be_visible()
    expect(page.get_by_label("Per API key", exact=True)).to_have_value("700")
    assert _stored(editor, "limit_key") == 1_200
    _type(page, "Per user", "500")
    _save(page)
    expect(page.get_by_text("2 settings saved")).to_be_visible()
    expect(page.get_by_text("Changed by ada, just now")).to_have_count(2)
    assert (_stored(editor, "limit_user"), _stored(editor, "limit_key")) == (500, 700)


def test_of_two_edits_at_once_none_is_lost(page: Page, editor: SettingsEditor) -> None:
    editor.set(GRACE, "limit_user", 777)
    _type(page, "Per user", "600")
    _save(page)
    expect(page.get_by_text("grace changed this meanwhile, to 777")).to_be_visible()
    expect(page.get_by_label("Per user", exact=True)).to_have_value("600")
    assert _stored(editor, "limit_user") == 777
    page.get_by_role("button", name="Take theirs").click()
    expect(page.get_by_label("Per user", exact=True)).to_have_value("777")
    editor.set(GRACE, "limit_user", 888)
    _type(page, "Per user", "600")
    _save(page)
    expect(page.get_by_text("to 888")).to_be_visible()
    _save(page)
    expect(page.get_by_text("1 setting saved")).to_be_visible()
    assert _stored(editor, "limit_user") == 600


def test_a_reset_brings_the_default_back(page: Page, editor: SettingsEditor) -> None:
    page.get_by_role("button", name="Reset").first.click()
    expect(page.get_by_label("Per user", exact=True)).to_have_value("1200")
    assert _stored(editor, "limit_user") == 1_200
    page.get_by_text("History", exact=True).click()
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()


def test_a_list_and_a_switch_are_edited(page: Page, editor: SettingsEditor) -> None:
    _open(page, "API")
    _type(page, "Allowed origins", "https://a.example\n*")
    _save(page)
    expect(page.get_by_text("is not an origin")).to_be_visible()
    _type(page, "Allowed origins", "https://a.example\nhttps://b.example:8443/")
    _save(page)
    expect(page.get_by_text("1 setting saved")).to_be_visible()
    assert _stored(editor, "cors_origins") == ["https://a.example", "https://b.example:8443"]
    _open(page, "Accounts")
    expect(page.get_by_text("Changed by ada")).to_have_count(0)  # the category before is gone
    page.locator("label", has=page.get_by_label("Open registration")).click()
    _save(page)
    expect(page.get_by_text("Changed by ada")).to_be_visible()
    assert _stored(editor, "registration_open") is True


def test_a_notice_stands_on_every_page_as_it_was_typed(page: Page) -> None:
    _open(page, "Appearance")
    _type(page, "Notice", NOTICE)
    _save(page)
    notice = page.get_by_test_id("stAlert").filter(has_text="Maintenance")
    expect(notice).to_be_visible()
    assert notice.inner_text().replace("\u2060", "").strip().endswith(NOTICE)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Account").click()
    expect(page.get_by_role("heading", name="Account")).to_be_visible()
    expect(notice).to_be_visible()


def test_a_custom_setting_is_added_changed_and_deleted(page: Page, fresh: Running, editor: SettingsEditor) -> None:
    page.goto(f"{fresh.url}/settings?category=custom")
    page.get_by_text("Add a setting", exact=True).click()
    _type(page, "Key", "line-3.threshold")
    _type(page, "Value, as JSON or text", '{"width": 2.5}')
    page.get_by_role("button", name="Add", exact=True).click()
    value = page.get_by_label("Value of line-3.threshold")
    expect(value).to_have_value('{\n  "width": 2.5\n}')
    assert _stored(editor, "line-3.threshold") == {"width": 2.5}
    editor.set(GRACE, "line-3.threshold", 3)
    _type(page, "Value of line-3.threshold", "4")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("grace changed this meanwhile, to 3")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("meanwhile")).to_have_count(0)
    assert _stored(editor, "line-3.threshold") == 4
    delete = page.get_by_role("button", name="Delete", exact=True)
    expect(delete).to_have_count(1)  # what the run before drew is gone
    delete.click()
    page.get_by_role("button", name="Really delete").click()
    expect(value).to_have_count(0)
    assert editor.list(local_actor(), category="custom") == []


def test_an_engineer_tunes_and_reads_the_rest(page: Page, fresh: Running, editor: SettingsEditor) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_text("Maintenance at")).to_be_visible()
    _sign_in(page, fresh.url, "eve", EVE)
    page.goto(f"{fresh.url}/settings?category=limits")
    expect(page.get_by_text("An administrator changes these")).to_be_visible()
    expect(page.get_by_label("Per user", exact=True)).to_be_disabled()
    expect(page.get_by_role("button", name="Save changes")).to_have_count(0)
    expect(page.get_by_text("History", exact=True)).to_have_count(0)
    _open(page, "Inference")
    _type(page, "JPEG quality", "80")
    _save(page)
    expect(page.get_by_text("1 setting saved")).to_be_visible()
    assert _stored(editor, "jpeg_quality") == 80


def test_the_browser_had_nothing_to_complain_about(complaints: list[str]) -> None:
    assert complaints == []
