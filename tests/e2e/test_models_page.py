"""The life of a model in a browser: promoted and rolled back, shown to somebody and hidden again, compared.

The tests are the steps of one walk and run in this order.
"""

import re
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from registry.access import Actor
from registry.access.accounts import Accounts
from registry.access.actor import local_actor, of_user
from registry.models.intake import take_in
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.records import Role, open_database
from registry.runtime.card import MODEL_FILE, ModelCard, Thresholds
from registry.settings import PROJECT_ROOT
from registry.testing.onnx_models import blob_detector_with_nms
from registry.testing.platform import PASSWORD, Running
from registry.vision.encoding import encode_png
from tests.e2e.settling import PATIENCE_MS, settle
from tests.prepared_platform import prepared_platform

NAME, HOSTILE = "line-digits", "Digits <img src=x onerror=alert(1)> :material/home: **bold**"
STARTER = PROJECT_ROOT / "data" / "starter" / "digit-detector"


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A platform with an engineer, a user, and the engineer's private model of three versions, the last one broken."""
    with prepared_platform(tmp_path_factory.mktemp("team") / "home") as running:
        database = open_database(running.settings.records_url)
        accounts = Accounts(database, running.settings)
        eve = of_user(accounts.create(local_actor(), "eve", PASSWORD, Role.ENGINEER), "session")
        accounts.create(local_actor(), "fay", PASSWORD, Role.USER)
        _publish(ModelRegistry(running.settings, database), eve)
        database.close()
        yield running


def _publish(models: ModelRegistry, eve: Actor) -> None:
    model, card = (STARTER / "model.onnx").read_bytes(), ModelCard.parse((STARTER / "card.json").read_bytes())
    take_in(models, eve, model, NAME, card=card, description=HOSTILE, access_level="private")
    stricter = card.model_copy(update={"thresholds": Thresholds(confidence=0.97), "git_commit": "0a1b2c3"})
    take_in(models, eve, model, NAME, card=stricter, alias="challenger", parent=f"{NAME}/1")
    models.publish(eve, Draft(NAME, {MODEL_FILE: blob_detector_with_nms()}, card))


def _window(chromium: Browser, team: Running, name: str) -> Page:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.goto(team.url)
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    return page


@pytest.fixture(scope="module")
def eve(chromium: Browser, team: Running) -> Iterator[Page]:
    """The engineer's window."""
    page = _window(chromium, team, "eve")
    yield page
    page.context.close()


@pytest.fixture(scope="module")
def fay(chromium: Browser, team: Running) -> Iterator[Page]:
    """The user's window."""
    page = _window(chromium, team, "fay")
    yield page
    page.context.close()


def _open_tab(page: Page, name: str) -> None:
    settle(page)  # or the tabs are drawn anew under the click
    page.get_by_role("tab", name=name).click()
    expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")


def _choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=re.compile(rf"\b{label}$|{label}\.?$")).first.click()
    page.get_by_role("option", name=option).click()


def _promote(page: Page, alias: str, version: int) -> None:
    box = page.get_by_role("combobox", name=re.compile("Alias"))
    box.click()
    box.press_sequentially(alias)
    box.press("Enter")
    page.get_by_role("combobox", name=re.compile("To version")).click()
    page.get_by_role("option", name=f"version {version}").click()
    page.get_by_role("button", name="Promote").click()


def test_the_row_tells_what_the_model_is(eve: Page, team: Running) -> None:
    eve.goto(f"{team.url}/models")
    row = eve.locator(f".st-key-card_link_models_{NAME}")
    for text in ("Detection", "Private", "champion → v1", "challenger → v2", "version 3"):
        expect(row.get_by_text(text)).to_be_visible()
    shown = row.inner_text().replace("\u2060", "")
    assert HOSTILE in shown
    row.get_by_role("button", name="Details").click()
    expect(eve.get_by_role("heading", name=NAME)).to_be_visible()
    eve.go_back()
    row.get_by_role("button", name=NAME, exact=True).click()
    expect(eve.get_by_role("heading", name=NAME)).to_be_visible()
    assert eve.locator("img[src='x']").count() == 0


def test_a_versions_page_tells_where_it_comes_from(eve: Page, team: Running) -> None:
    _open_tab(eve, "Versions")
    eve.locator("[class*='st-key-model-show-2'] button").click()
    expect(eve.get_by_role("heading", name="Version 2")).to_be_visible()
    for text in (f"{NAME}/1", "0a1b2c3", "Looked at", "Checked and tried"):
        expect(eve.get_by_test_id("stMain").get_by_text(text).first).to_be_visible()
    run = eve.get_by_role("link", name="Open the run").get_attribute("href")
    tab = eve.context.new_page()
    tab.goto(f"{team.url}{run}")
    expect(tab.get_by_text(f"publish {NAME}").first).to_be_visible()
    tab.close()


def test_the_way_to_mlflow_leads_to_the_model_with_the_menu_for_models(eve: Page, team: Running) -> None:
    tab = eve.context.new_page()
    tab.goto(f"{team.url}{eve.get_by_role('link', name='Open in MLflow').get_attribute('href')}")
    expect(tab.get_by_text(NAME).first).to_be_visible()
    expect(tab.locator("nav").get_by_role("link", name="Model registry")).to_be_visible()
    tab.close()


def test_a_version_is_promoted_and_rolled_back(eve: Page) -> None:
    _open_tab(eve, "Versions")
    _promote(eve, "champion", 2)
    expect(eve.get_by_text("champion is version 2 now")).to_be_visible()
    expect(eve.get_by_text("champion → v2")).to_be_visible()
    eve.get_by_role("button", name="Roll back to v1").click()
    expect(eve.get_by_text("champion goes back from version 2 to version 1")).to_be_visible()
    eve.get_by_role("button", name="Really roll back").click()
    expect(eve.get_by_text("champion → v1")).to_be_visible()
    history = eve.locator(".st-key-card_alias_moves")
    for move in ("v2 → v1", "v1 → v2", "new → v1"):
        expect(history.get_by_text(re.compile(f"champion {move} · eve"))).to_be_visible()


def test_a_version_that_cannot_be_served_replaces_nothing(eve: Page) -> None:
    _promote(eve, "champion", 3)
    problem = eve.get_by_test_id("stAlert").filter(has_text="cannot be served")
    expect(problem).to_be_visible()
    expect(problem).to_contain_text("champion stays where it is")
    expect(eve.get_by_text("champion → v1")).to_be_visible()


def test_an_alias_of_ones_own_is_made_and_taken_away(eve: Page) -> None:
    _promote(eve, "line-3", 2)
    expect(eve.get_by_text("line-3 → v2")).to_be_visible()
    eve.locator(".st-key-alias_buttons_line-3").get_by_role("button", name="Remove").click()
    eve.get_by_role("button", name="Really remove").click()
    expect(eve.get_by_text("line-3 → v2")).to_have_count(0)


def test_two_versions_are_compared(eve: Page) -> None:
    _open_tab(eve, "Compare")
    _choose(eve, "Right", "version 2")
    expect(eve.get_by_role("heading", name=re.compile(r"^\d+ differences$"))).to_be_visible()
    eve.get_by_role("button", name="Pagoda").click()
    eve.get_by_role("button", name="Compare on this picture").click()
    expect(eve.get_by_text("Only version 1")).to_be_visible()
    figures = [eve.locator(f".st-key-card_compare_figure_{index}") for index in range(4)]
    _, renamed, left, right = (int(re.findall(r"\d+$", each.inner_text())[0]) for each in figures)
    assert (renamed, right) == (0, 0)  # the stricter version finds less, and nothing else
    assert left > 0
    for side in ("left", "right"):
        picture = eve.locator(f".st-key-card_compare_side_{side} img")
        expect(picture).to_be_visible()
        assert picture.evaluate("image => image.complete && image.naturalWidth > 300")
    eve.get_by_text("What differs", exact=True).click()
    expect(eve.locator(".st-key-card_compare_side_right img")).to_be_visible()


def test_two_versions_are_compared_on_a_picture_of_ones_own(eve: Page) -> None:
    eve.get_by_role("radio", name="Your own").click()
    grey = encode_png(np.full((240, 320, 3), 90, np.uint8))
    sent = {"name": "grey.png", "mimeType": "image/png", "buffer": grey}
    eve.locator(".st-key-card_compare_picture input[type=file]").set_input_files(sent)
    expect(eve.get_by_text("grey.png")).to_be_visible()
    eve.get_by_role("button", name="Compare on this picture").click()
    expect(eve.locator(".st-key-card_compare_figure_0")).to_contain_text("0")
    expect(eve.locator(".st-key-card_compare_figure_2")).to_contain_text("0")


def test_a_grant_shows_the_model_to_somebody_until_it_is_revoked(eve: Page, fay: Page, team: Running) -> None:
    fay.goto(f"{team.url}/models")
    expect(fay.get_by_text("No models yet")).to_be_visible()
    _open_tab(eve, "Access")
    eve.get_by_label("User name").fill("nobody")
    eve.get_by_role("button", name="Grant", exact=True).click()
    expect(eve.get_by_text("Nobody has the id or the name")).to_be_visible()
    eve.get_by_label("User name").fill("fay")
    eve.get_by_role("button", name="Grant", exact=True).click()
    expect(eve.get_by_text(f"fay may use {NAME} now")).to_be_visible()
    fay.goto(f"{team.url}/models")
    fay.locator(f".st-key-card_link_models_{NAME}").get_by_role("button", name="Details").click()
    expect(fay.get_by_role("heading", name=NAME)).to_be_visible()
    expect(fay.get_by_role("tab", name="Compare")).to_be_visible()
    expect(fay.get_by_role("tab", name="Access")).to_have_count(0)
    eve.get_by_role("button", name="Revoke").click()
    eve.get_by_role("button", name="Really revoke").click()
    expect(eve.get_by_text("The grant of fay is taken back")).to_be_visible()
    fay.goto(f"{team.url}/models?model={NAME}")
    expect(fay.get_by_text("There is no model")).to_be_visible()
    fay.goto(f"{team.url}/models")
    expect(fay.get_by_text("No models yet")).to_be_visible()


def test_a_name_is_registered_and_waits(eve: Page, team: Running) -> None:
    eve.goto(f"{team.url}/models")
    eve.get_by_role("button", name="Add a model").click()
    eve.get_by_role("tab", name="Only a name").click()
    eve.locator(".st-key-register-name input").fill("parts-detector")
    eve.get_by_role("button", name="Register", exact=True).click()
    expect(eve.get_by_role("heading", name="parts-detector")).to_be_visible()
    expect(eve.get_by_text("No version yet")).to_be_visible()
    expect(eve.get_by_role("button", name="Try it")).to_have_count(0)


def test_a_model_is_archived_brought_back_and_deleted(eve: Page, team: Running) -> None:
    _open_tab(eve, "Settings")
    eve.get_by_role("button", name="Archive this model").click()
    eve.get_by_role("button", name="Really archive").click()
    expect(eve.get_by_role("button", name="Bring it back")).to_be_visible()
    eve.get_by_role("button", name="Bring it back").click()
    expect(eve.get_by_role("button", name="Archive this model")).to_be_visible()
    settle(eve)
    eve.get_by_role("button", name="Delete this model").click()
    eve.get_by_role("button", name="Really delete").click()
    expect(eve.get_by_role("heading", name="Models")).to_be_visible()
    expect(eve.locator(f".st-key-card_link_models_{NAME}")).to_be_visible()
    expect(eve.locator(".st-key-card_link_models_parts-detector")).to_have_count(0)


def test_every_tab_fits_a_phone(eve: Page, team: Running) -> None:
    eve.set_viewport_size({"width": 390, "height": 844})
    eve.goto(f"{team.url}/models?model={NAME}")
    for tab in ("Overview", "Versions", "Compare", "Access", "Settings"):
        _open_tab(eve, tab)
        main = eve.get_by_test_id("stMain")
        assert main.evaluate("part => part.scrollWidth <= part.clientWidth"), tab
