"""The first hour of a new team, in a browser: set up, sign in, publish a model, look at a picture, sign out.

The tests are the steps of one walk and run in this order.
"""

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from registry.settings import PROJECT_ROOT
from registry.testing.platform import Running

NAME, DESCRIPTION = "first-detector", "Our first model, *not* in italics :material/home:"
STARTER = PROJECT_ROOT / "data" / "starter" / "digit-detector"


@pytest.fixture(scope="module")
def model() -> tuple[Path, str]:
    """An ONNX file and its card: the trained detector."""
    return STARTER / "model.onnx", (STARTER / "card.json").read_text(encoding="utf-8")


def test_the_setup_link_makes_the_first_administrator(
    page: Page, setup_link: str, fresh: Running, password: str
) -> None:
    page.goto(setup_link)
    expect(page.get_by_role("heading", name="Welcome to NexusAI")).to_be_visible()
    expect(page.get_by_label("Setup token")).not_to_have_value("")
    expect(page).to_have_url(f"{fresh.url}/")  # the token has left the address bar
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_label("Password again").fill(password + "x")
    page.get_by_role("button", name="Create administrator").click()
    expect(page.get_by_text("The two passwords differ")).to_be_visible()
    page.get_by_label("Password again").fill(password)
    page.get_by_role("button", name="Create administrator").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    for name in ("Dashboard", "Models", "Inference", "Account"):
        expect(page.get_by_test_id("stSidebarNav").get_by_role("link", name=name)).to_be_visible()


def test_the_session_is_out_of_reach_of_scripts(page: Page, window: BrowserContext) -> None:
    [cookie] = [each for each in window.cookies() if each["name"] == "nexusai_session"]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    assert "nexusai_session" not in page.evaluate("document.cookie")
    assert page.evaluate("Object.keys(localStorage).filter(key => /token|session/i.test(key))") == []


def test_signing_out_and_in_again(page: Page, window: BrowserContext, password: str) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert "nexusai_session" not in {each["name"] for each in window.cookies()}
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password", exact=True).fill("not-the-password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("The user name or the password is wrong")).to_be_visible()
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    expect(page.get_by_text("First steps")).to_be_visible()
    expect(page.get_by_text("Healthy")).to_have_count(3)


def test_a_model_is_uploaded(page: Page, model: tuple[Path, str]) -> None:
    page.get_by_role("button", name="Upload a model").click()
    page.locator("input[type=file]").set_input_files(model[0])
    page.get_by_label("Name", exact=True).fill(NAME)
    page.get_by_label("Description", exact=True).fill(DESCRIPTION)
    page.get_by_text("Model card (optional)").click()
    page.get_by_label("Card as JSON").fill("{}")
    expect(page.get_by_text(model[0].name)).to_be_visible()
    page.get_by_role("button", name="Check and register").click()
    expect(page.get_by_text("Card field task")).to_be_visible()
    page.get_by_label("Card as JSON").fill(model[1])
    page.get_by_role("button", name="Check and register").click()
    expect(page.get_by_text("version 1 is registered")).to_be_visible()
    page.get_by_role("button", name="Open the model").click()


def test_its_page_shows_what_was_published(page: Page) -> None:
    expect(page.get_by_role("heading", name=NAME)).to_be_visible()
    shown = page.get_by_text("Our first model").first.inner_text().replace("\u2060", "")
    assert shown == DESCRIPTION  # as it was typed, without any effect
    expect(page.get_by_text("champion → v1")).to_be_visible()
    expect(page.get_by_text("sha256").first).to_be_visible()


def test_a_photo_is_looked_at(page: Page, pictures: Path) -> None:
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("heading", name="Inference")).to_be_visible()
    page.get_by_role("button", name="Pagoda").click()
    for _ in range(2):  # the second answer comes from a network that is loaded
        page.get_by_role("button", name="Run", exact=True).click()
        expect(page.get_by_text("Time in milliseconds")).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile(r"^[1-9]\d* objects?$"))).to_be_visible()
    picture = page.locator(".st-key-card_result_picture img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.complete && image.naturalWidth > 300")
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON", exact=True).click()
    assert '"timing_ms"' in download.value.path().read_text(encoding="utf-8")
    page.locator(".st-key-card_result_timing").locator("canvas, svg").first.wait_for()
    if not (pictures / "inference.png").exists():  # delete it to have it taken anew
        page.set_viewport_size({"width": 1440, "height": 1740})
        page.mouse.move(5, 5)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=pictures / "inference.png")
        page.set_viewport_size({"width": 1440, "height": 900})


def test_a_deep_link_opens_its_page(page: Page, fresh: Running) -> None:
    page.goto(f"{fresh.url}/models?model={NAME}")
    expect(page.get_by_role("heading", name=NAME)).to_be_visible()


def test_mlflow_opens_behind_the_same_sign_in(window: BrowserContext, fresh: Running) -> None:
    tab = window.new_page()
    tab.goto(f"{fresh.url}/mlflow/#/models/{NAME}")
    expect(tab.get_by_text(NAME).first).to_be_visible()
    tab.close()


def test_an_api_key_is_shown_once_and_works(page: Page, fresh: Running, settled: Callable[[Page], None]) -> None:
    page.goto(f"{fresh.url}/account")
    page.get_by_text("Make a key").click()
    page.get_by_label("Name", exact=True).fill("line 3")
    settled(page)
    page.get_by_role("button", name="Make the key").press("Enter")  # it still moves while the form opens
    shown = page.locator("code").filter(has_text=re.compile(r"^nxk_[0-9a-f]{8}_"))
    expect(shown).to_be_visible()
    key = {"X-API-Key": shown.inner_text().strip()}
    assert httpx.get(f"{fresh.url}/api/v1/models", headers=key, timeout=60).status_code == 200
    page.get_by_role("button", name="Revoke", exact=True).click()
    expect(shown).to_have_count(0)
    page.get_by_role("button", name="Really revoke").click()
    expect(page.get_by_role("button", name="Really revoke")).to_have_count(0)
    assert httpx.get(f"{fresh.url}/api/v1/models", headers=key, timeout=60).status_code == 401


def test_the_api_page_draws_its_operations(window: BrowserContext, fresh: Running) -> None:
    tab = window.new_page()
    foreign: list[str] = []
    tab.on(
        "request", lambda request: None if request.url.startswith((fresh.url, "data:")) else foreign.append(request.url)
    )
    tab.goto(f"{fresh.url}/api/v1/docs")
    expect(tab.get_by_text("/inference/predict").first).to_be_visible()
    assert foreign == []
    tab.close()


def test_a_session_ended_elsewhere_closes_the_open_page(page: Page, window: BrowserContext, fresh: Running) -> None:
    other = window.new_page()
    other.goto(f"{fresh.url}/account")
    other.get_by_role("button", name="Sign out everywhere").click()
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    other.close()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_browser_had_nothing_to_complain_about(complaints: list[str]) -> None:
    assert complaints == []
