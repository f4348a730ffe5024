"""The Users and the Audit page in a browser, with names that would like to be more than text.

The tests are the steps of one walk and run in this order.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from sqlmodel import select

from registry.access.accounts import Accounts
from registry.access.actor import of_user
from registry.access.passwords import hash_password
from registry.access.sessions import Sessions
from registry.access.trail import trace_alone
from registry.records import Database, Role, User, open_database, users
from registry.testing.platform import ADMIN, PASSWORD, Running
from tests.e2e.settling import PATIENCE_MS
from tests.prepared_platform import prepared_platform

HOSTILE = {
    "<img src=x onerror=alert(1)>": "<img src=x onerror=alert(1)>",
    ":material/home: **x**": ":material/home: **x**",
    "ab\u202egnp": "abgnp",  # the character that turns the rest of a line around is not shown
    "me@evil.example": "me@evil.example",
    "www.evil.example": "www.evil.example",
}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A platform with an administrator, and users whose names no form would let in."""
    with prepared_platform(tmp_path_factory.mktemp("team") / "home") as running:
        database = open_database(running.settings.records_url)
        for name in HOSTILE:
            _let_in(database, name)
        database.close()
        yield running


def _let_in(database: Database, name: str) -> None:
    proof = hash_password(PASSWORD)
    with database.write() as session:
        user = users.add(session, User(username=name, username_key="", password_hash=proof, role=Role.ADMIN))
    trace_alone(database, of_user(user, "session", name[:60]), "user.update", f"user:{user.id}", {"note": name}, "ok")


@pytest.fixture(scope="module")
def tab(chromium: Browser, team: Running) -> Iterator[Page]:
    """The administrator's window; a script of somebody's name that runs is an error."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    _sign_in(page, team, ADMIN)
    yield page
    assert dialogs == []
    context.close()


def _sign_in(page: Page, team: Running, name: str) -> None:
    page.goto(team.url)
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def _enter(context: BrowserContext, team: Running, name: str) -> None:
    """A session for a name that no form would take."""
    database = open_database(team.settings.records_url)
    with database.read() as session:
        user = session.exec(select(User).where(User.username == name)).one()
    value = Sessions(database, team.settings).exchange(Accounts(database, team.settings).code_for(user))
    database.close()
    context.add_cookies([{"name": "nexusai_session", "value": value, "url": team.url}])


def _open(page: Page, team: Running, address: str) -> None:
    page.goto(f"{team.url}/{address}")
    expect(page.get_by_role("heading", name=address.capitalize(), exact=True)).to_be_visible()


def _rows(page: Page) -> Locator:
    """The buttons that open a user."""
    return page.locator("[class*='st-key-users-open-'] button")


def _shown(place: Locator) -> str:
    """What a person reads there: the invisible characters that keep text harmless are left out."""
    return place.inner_text().replace("\u2060", "")


def _is_harmless(page: Page) -> None:
    main = page.get_by_test_id("stMain")
    assert main.locator("img[src='x']").count() == 0
    assert main.locator("a[href*=evil]").count() == 0
    assert "\u202e" not in main.inner_text()


def test_hostile_names_are_text_on_the_users_page(tab: Page, team: Running) -> None:
    _open(tab, team, "users")
    expect(_rows(tab)).to_have_count(len(HOSTILE) + 1)
    said = _shown(tab.get_by_test_id("stMain"))
    assert [name for name in HOSTILE.values() if name not in said] == []
    _is_harmless(tab)
    tab.locator("[class*='st-key-users-name-'] button").filter(has_text="onerror").click()
    expect(tab.get_by_role("heading", name="onerror")).to_be_visible()
    _is_harmless(tab)


def test_hostile_names_are_text_on_the_audit_page(tab: Page, team: Running) -> None:
    _open(tab, team, "audit")
    rows = tab.get_by_test_id("stExpander")
    expect(rows.filter(has_text="changed the account of")).to_have_count(len(HOSTILE))
    for row in rows.filter(has_text="changed the account of").all():
        row.locator("summary").click()
        expect(row.get_by_text("user.update")).to_be_visible()
    said = _shown(tab.get_by_test_id("stMain"))
    for name in HOSTILE.values():
        assert said.count(name) >= 3, name  # in the headline, in the details, as the one who did it
    _is_harmless(tab)


@pytest.mark.parametrize("name", list(HOSTILE))
def test_hostile_names_are_text_on_ones_own_pages(chromium: Browser, team: Running, name: str) -> None:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    _enter(context, team, name)
    page.goto(team.url)
    expect(page.get_by_text("Welcome, ")).to_be_visible()
    assert f"Welcome, {HOSTILE[name]}." in _shown(page.get_by_test_id("stMain"))
    assert HOSTILE[name] in _shown(page.get_by_test_id("stSidebar"))
    _is_harmless(page)
    _open(page, team, "account")
    expect(page.get_by_text("Member since")).to_be_visible()
    assert HOSTILE[name] in _shown(page.get_by_test_id("stMain"))
    _is_harmless(page)
    assert dialogs == []
    context.close()


def test_a_user_is_made(tab: Page, team: Running) -> None:
    _open(tab, team, "users")
    tab.get_by_role("button", name="New user").click()
    tab.get_by_label("User name").fill("Otto")
    tab.get_by_label("Password", exact=True).fill("short")
    tab.get_by_role("button", name="Make the account").click()
    expect(tab.get_by_test_id("stAlert").filter(has_text="8")).to_be_visible()
    tab.get_by_label("Password", exact=True).fill(PASSWORD)
    tab.get_by_role("button", name="Make the account").click()
    expect(tab.get_by_text("Otto can sign in now")).to_be_visible()
    expect(tab.get_by_role("button", name="Make the account")).to_have_count(0)
    tab.get_by_label("Search names and addresses").fill("otto")
    tab.get_by_label("Search names and addresses").press("Enter")
    expect(_rows(tab)).to_have_count(1)
    _rows(tab).click()
    expect(tab.get_by_role("heading", name="Otto")).to_be_visible()


def test_a_users_profile_role_and_state_are_changed(tab: Page, settled: Callable[[Page], None]) -> None:
    tab.get_by_label("Full name").fill("Otto O.")
    tab.get_by_role("button", name="Save").click()
    expect(tab.get_by_text("Saved")).to_be_visible()
    expect(tab.get_by_label("Role")).to_have_count(1)  # the list's filter is gone
    settled(tab)  # or the form is drawn anew under the next click
    tab.get_by_label("Role").click()
    tab.get_by_role("option", name="Engineer").click()
    tab.get_by_role("button", name="Change the role").click()
    expect(tab.get_by_test_id("stMain").get_by_text("Engineer").first).to_be_visible()
    tab.get_by_role("button", name="Switch off").click()
    tab.get_by_role("button", name="Really switch off").click()
    expect(tab.get_by_test_id("stMain").get_by_text("Switched off")).to_be_visible()
    settled(tab)
    tab.get_by_role("button", name="Switch on").click()
    expect(tab.get_by_test_id("stMain").get_by_text("Switched off")).to_have_count(0)
    expect(tab.get_by_role("button", name="Switch off")).to_be_visible()
    settled(tab)


def test_who_waits_for_approval_is_let_in(tab: Page, team: Running) -> None:
    database = open_database(team.settings.records_url)
    with database.write() as session:
        otto = users.by_name(session, "otto")
        assert otto is not None
        otto.active = otto.approved = False
    _open(tab, team, "users")
    expect(tab.get_by_text("1 account waits for approval.")).to_be_visible()
    tab.get_by_role("button", name="Show").click()
    expect(tab.get_by_text("waits for approval")).to_have_count(0)
    _rows(tab).click()
    tab.get_by_role("button", name="Approve").click()
    expect(tab.get_by_role("button", name="Switch off")).to_be_visible()
    with database.read() as session:
        assert users.by_id(session, otto.id).approved
    database.close()


def test_a_deletion_asks_back(tab: Page) -> None:
    tab.get_by_role("button", name="Delete this user").click()
    tab.get_by_role("button", name="Cancel").click()
    expect(tab.get_by_role("button", name="Really delete")).to_have_count(0)
    tab.get_by_role("button", name="Delete this user").click()
    tab.get_by_role("button", name="Really delete").click()
    expect(tab.get_by_role("heading", name="Users")).to_be_visible()


def test_an_administrator_cannot_delete_themselves(tab: Page, team: Running) -> None:
    database = open_database(team.settings.records_url)
    with database.read() as session:
        me = users.by_name(session, ADMIN)
    database.close()
    assert me is not None
    tab.goto(f"{team.url}/users?user={me.id}")
    expect(tab.get_by_text("Your own account is switched off or deleted by another administrator.")).to_be_visible()
    expect(tab.get_by_role("button", name="Delete this user")).to_have_count(0)


def test_the_trail_is_filtered_and_its_changes_are_told(tab: Page, team: Running) -> None:
    _open(tab, team, "audit")
    tab.get_by_label("Any text").fill("Otto O.")
    tab.get_by_label("Any text").press("Enter")
    row = tab.get_by_test_id("stExpander")
    expect(row).to_have_count(1)
    row.locator("summary").click()
    expect(row.get_by_text("nothing → Otto O")).to_be_visible()


def test_what_is_shown_is_downloaded(tab: Page) -> None:
    link = tab.get_by_role("link", name="Download CSV")
    expect(link).to_have_attribute("href", re.compile("text=Otto"))
    answer = tab.request.get(f"{tab.url.split('/audit')[0]}{link.get_attribute('href')}")
    rows = list(csv.DictReader(io.StringIO(answer.text(), newline="")))
    assert [row["action"] for row in rows] == ["user.update"]


def test_the_chain_is_verified_on_the_page(tab: Page, team: Running) -> None:
    tab.get_by_role("button", name="Verify").click()
    expect(tab.get_by_text("The trail holds")).to_be_visible()
    database = open_database(team.settings.records_url)
    with database.write() as session:
        session.connection().exec_driver_sql("UPDATE audit_entries SET actor_name = 'zoe' WHERE number = 2")
    database.close()
    tab.get_by_role("button", name="Verify").click()
    expect(tab.get_by_text("The trail is broken. Entry 2 was edited.")).to_be_visible()


def test_both_pages_fit_a_phone(tab: Page, team: Running) -> None:
    tab.set_viewport_size({"width": 390, "height": 844})
    for address in ("users", "audit"):
        _open(tab, team, address)
        main = tab.get_by_test_id("stMain")
        assert main.evaluate("part => part.scrollWidth <= part.clientWidth")
