"""Single sign-on in a browser: the button, the provider's own page, a role from its groups, and out again.

The tests are the steps of one walk and run in this order.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from registry.testing.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider, oidc_provider
from registry.testing.platform import Running
from tests.e2e.settling import PATIENCE_MS
from tests.prepared_platform import prepared_platform

NAME = 'Sign & Co. <b>"SSO"</b>'


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    people = {
        "wei": {"preferred_username": "wei", "name": "Wei Li", "groups": ["staff"]},
        "guest": {"preferred_username": "guest", "groups": ["canteen"]},
    }
    with oidc_provider(people) as running:
        yield running


@pytest.fixture(scope="module")
def joined(provider: OidcProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A platform that knows the provider."""
    further = {
        "oidc_issuer": provider.url,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": CLIENT_SECRET,
        "oidc_name": NAME,
        "oidc_roles": "staff=engineer",
    }
    with prepared_platform(tmp_path_factory.mktemp("joined") / "home", further=further) as running:
        yield running


@pytest.fixture(scope="module")
def tab(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def test_the_button_leads_to_the_provider_in_the_same_tab(tab: Page, joined: Running, provider: OidcProvider) -> None:
    tab.goto(f"{joined.url}/models")
    button = tab.get_by_role("link", name=f"Continue with {NAME}")
    expect(button).to_be_visible()
    expect(tab.get_by_label("User name")).to_be_visible()
    button.click()
    expect(tab.get_by_role("heading", name="Who are you?")).to_be_visible()
    assert tab.url.startswith(provider.url)
    assert len(tab.context.pages) == 1


def test_whoever_cancels_is_told_so_once(tab: Page, joined: Running) -> None:
    tab.get_by_role("link", name="Cancel").click()
    expect(tab.get_by_text("The sign-in was cancelled at the provider")).to_be_visible()
    expect(tab.get_by_text("not today")).to_have_count(0)  # the provider's own text
    expect(tab).to_have_url(f"{joined.url}/")
    tab.reload()
    expect(tab.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(tab.get_by_text("cancelled at the provider")).to_have_count(0)


def test_whoever_has_no_role_here_is_told_whom_to_ask(tab: Page) -> None:
    tab.get_by_role("link", name="Continue with").click()
    tab.get_by_role("link", name="Continue as guest").click()
    expect(tab.get_by_text("None of your groups has a role here")).to_be_visible()


def test_a_word_in_the_address_that_is_not_ours_is_not_shown(tab: Page, joined: Running) -> None:
    tab.goto(f"{joined.url}/?sso=<img src=x onerror=alert(1)>")
    expect(tab).to_have_url(f"{joined.url}/")
    expect(tab.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(tab.get_by_test_id("stAlert")).to_have_count(0)


def test_the_groups_role_opens_the_page_that_was_wanted(tab: Page, joined: Running) -> None:
    tab.goto(f"{joined.url}/models")
    tab.get_by_role("link", name="Continue with").click()
    tab.get_by_role("link", name="Continue as wei").click()
    expect(tab.get_by_role("heading", name="Models")).to_be_visible()
    expect(tab).to_have_url(f"{joined.url}/models")
    expect(tab.get_by_test_id("stSidebar").get_by_text("Engineer")).to_be_visible()
    names = {each["name"] for each in tab.context.cookies(joined.url)}
    assert {name for name in names if "nexusai" in name} == {"nexusai_session", "nexusai_browser"}


def test_signing_out_ends_the_session_here(tab: Page) -> None:
    tab.get_by_role("button", name="Sign out").click()
    expect(tab.get_by_role("heading", name="Sign in")).to_be_visible()
    assert "nexusai_session" not in {each["name"] for each in tab.context.cookies()}
    tab.reload()
    expect(tab.get_by_role("link", name="Continue with")).to_be_visible()
