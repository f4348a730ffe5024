"""Cameras in a browser: one is added and seen live with boxes, a zone is drawn, an event is opened and sent on.

The tests are the steps of one walk and run in this order.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from registry.testing.chromium import NO_WAY_THROUGH
from registry.testing.platform import Running
from registry.testing.requirements import require_address
from registry.testing.video import Clip, write_digit_clip
from registry.training.digits import load_digits
from tests.prepared_platform import prepared_platform

_GOES_ON = """video => new Promise(done => {
  const at = video.currentTime
  video.addEventListener("timeupdate", () => video.currentTime > at + 1 && done())
})"""
_SHORT_ADDRESS = "all => all.forEach(each => { each.firstChild.nodeValue = 'file:///films/sorting-line.mp4' })"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A platform with a camera worker and the starter models; the demo's own camera is there as well."""
    with prepared_platform(tmp_path_factory.mktemp("cameras") / "home", demo=True, cameras=True) as running:
        yield running


@pytest.fixture(scope="module")
def film(fresh: Running) -> str:
    """The address of a film of moving digits that may play as a camera."""
    path = fresh.settings.films_dir / "sorting-line.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_digit_clip(path, load_digits(), Clip(seconds=20, size_wh=(640, 360)))
    return path.as_uri()


def _keep(page: Page, path: Path) -> None:
    """A picture for the documentation; delete it to have it taken anew."""
    if not path.exists():
        page.mouse.move(2, 2)
        expect(page.get_by_test_id("stToast")).to_have_count(0)
        page.get_by_text(re.compile("^file:///")).evaluate_all(_SHORT_ADDRESS)
        page.wait_for_timeout(1_500)
        page.screenshot(path=path)


def _open(page: Page, name: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


def _picture(page: Page) -> Locator:
    return page.get_by_role("img", name="Live picture of Sorting line")


def test_a_connection_is_tried_before_the_camera_is_added(page: Page, fresh: Running, film: str) -> None:
    page.goto(fresh.url)
    page.get_by_label("User name").fill(fresh.username)
    page.get_by_label("Password", exact=True).fill(fresh.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    _open(page, "Cameras")
    page.get_by_role("button", name="Add camera").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Sorting line")
    address = page.get_by_role("textbox", name="Address of its stream")
    address.fill("gopher://10.20.0.7/line")
    page.get_by_role("button", name="Test the connection").click()
    expect(page.get_by_text(re.compile("URL starts with", re.IGNORECASE)).first).to_be_visible()
    address.fill("rtsp://10.20.0.7/line")
    password = page.get_by_label("Password", exact=True)
    password.fill("hunter-22")
    password.press("Tab")  # to nothing of the field's own: it would not be sent before that is left, too
    expect(password).not_to_be_focused()
    expect(password.locator("xpath=ancestor::*[@data-testid='stTextInput']").locator(":focus")).to_have_count(0)
    address.fill(film)
    page.get_by_role("button", name="Test the connection").click()
    expect(page.get_by_text("It works")).to_be_visible()
    expect(page.get_by_text("640 × 360")).to_be_visible()


def test_it_is_seen_live_with_boxes(page: Page) -> None:
    require_address()
    page.get_by_role("button", name="Add and start").click()
    expect(page.get_by_role("heading", name="Sorting line")).to_be_visible()
    shown = _picture(page).locator("video.shown")  # by WebRTC
    expect(shown).to_be_visible()
    assert shown.evaluate("video => video.videoWidth") == 640
    shown.evaluate(_GOES_ON)
    standing = page.locator(".st-key-card_camera_standing")
    expect(standing.get_by_text(re.compile("^Live for"))).to_be_visible()
    expect(standing.get_by_text(re.compile(r"^\d( ×\d)?( · \d( ×\d)?)*$"))).to_be_visible()


def test_where_its_packets_do_not_get_through_the_picture_comes_as_mjpeg(page: Page, window: BrowserContext) -> None:
    other = window.new_page()
    other.add_init_script(NO_WAY_THROUGH)
    other.goto(page.url)
    expect(_picture(other).locator("img.shown")).to_be_visible()
    expect(other.get_by_text("Connecting…")).to_have_count(0)
    again = other.get_by_role("button", name="Try live video again")
    expect(again).to_be_visible(timeout=60_000)  # once the browser has given up the call
    other.evaluate("window.wayThrough = true")
    again.click()
    expect(_picture(other).locator("video.shown")).to_be_visible()
    expect(again).to_be_hidden()
    other.close()
    expect(_picture(page).locator("video.shown")).to_be_visible()


def test_a_zone_is_drawn_and_a_rule_speaks_of_it(page: Page, pictures: Path, settled: Callable[[Page], None]) -> None:
    page.get_by_role("radio", name="Zones and rules").click()
    canvas = page.locator(".frame", has=page.get_by_role("img", name="The picture to mark"))
    corners = page.get_by_text(re.compile(r"^\d corners? of at least 3"))
    expect(corners).to_be_visible()
    settled(page)
    for number, (x, y) in enumerate([(0.05, 0.05), (0.95, 0.05), (0.95, 0.95)], start=1):
        area = canvas.bounding_box()
        assert area
        canvas.click(position={"x": x * area["width"], "y": y * area["height"]})
        if number < 3:
            expect(corners).to_have_text(re.compile(f"^{number} corner"))
            settled(page)
    expect(page.get_by_role("button", name="Add zone")).to_be_enabled()
    page.get_by_role("textbox", name="Name", exact=True).fill("belt")
    page.get_by_role("button", name="Add zone").click()
    expect(page.locator(".st-key-card_zone_shapes").get_by_text("belt")).to_be_visible()
    page.get_by_role("button", name="New rule").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Name", exact=True).fill("on the belt")
    dialog.get_by_role("combobox", name="In one of these zones").click()
    page.get_by_role("option", name="belt").click()
    dialog.get_by_text("Not what stands still").click()
    dialog.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("When anything is in belt, sure to 50%: an event.")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    _keep(page, pictures / "zones.png")


def test_an_event_appears_and_is_opened(page: Page, pictures: Path, settled: Callable[[Page], None]) -> None:
    page.get_by_role("radio", name="Live", exact=True).click()
    happened = page.locator(".st-key-card_camera_events").get_by_role("button", name=re.compile(r"^\d in belt$"))
    expect(happened.first).to_be_visible()
    _keep(page, pictures / "cameras.png")
    _open(page, "Events")
    listed = page.locator(".st-key-card_event_list").get_by_role("button", name=re.compile(r"^\d in belt$"))
    expect(listed.first).to_be_visible()
    page.locator(".st-key-card_event_timeline canvas, .st-key-card_event_timeline svg").first.wait_for()
    settled(page)
    _keep(page, pictures / "events.png")
    listed.first.click()  # the last may have left the page by the time that a newer one is there
    expect(page.get_by_role("heading", name=re.compile(r"^\d in belt$"))).to_be_visible()
    expect(page.locator(".st-key-card_event_picture img")).to_be_visible()


def test_it_is_sent_to_a_dataset(page: Page) -> None:
    page.get_by_role("textbox", name="Name of the new dataset").fill("belt-digits")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("In belt-digits, version 1").first).to_be_visible()
    page.locator(".st-key-card_event_sent").get_by_role("button", name="Open").click()
    expect(page.get_by_role("heading", name="belt-digits")).to_be_visible()
    expect(page.locator("[class*='st-key-tile_'] img")).to_have_count(1)


def test_the_grid_shows_both_cameras_and_lets_streams_go_with_the_page(page: Page) -> None:
    _open(page, "Cameras")
    expect(_picture(page).locator("img.shown")).to_be_visible()
    expect(page.get_by_text("2 cameras")).to_be_visible()
    _open(page, "Jobs")
    expect(page.get_by_role("img", name=re.compile("Live picture"))).to_have_count(0)


def test_the_browser_had_nothing_to_complain_about(complaints: list[str]) -> None:
    assert complaints == []
