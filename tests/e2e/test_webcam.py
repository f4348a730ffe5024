"""The browser's own camera with a model's answers drawn on it: a film plays the camera."""

import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from registry.settings import PROJECT_ROOT
from registry.testing.platform import Running
from registry.testing.requirements import require_tool
from tests.e2e.settling import PATIENCE_MS

_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of digits, again and again, as Chromium takes it for a camera."""
    path = tmp_path_factory.mktemp("camera") / "digits.mjpeg"
    image = cv2.imread(str(PROJECT_ROOT / "data" / "samples" / "lake-1280.jpg"))
    path.write_bytes(cv2.imencode(".jpg", cv2.resize(image, (960, 720)))[1].tobytes() * 3)
    return path


@pytest.fixture(scope="module")
def before_a_camera(chromium: Browser, platform: Running, film: Path) -> Iterator[Page]:
    """Somebody with a camera, on the page that uses it."""
    program = require_tool("chromium", "install it with your package manager, e.g. apt install chromium")
    arguments = [*_ARGUMENTS, f"--use-file-for-fake-video-capture={film}"]
    browser = chromium.browser_type.launch(executable_path=program, args=arguments)
    page = _signed_in(browser, platform)
    yield page
    browser.close()


def _signed_in(browser: Browser, platform: Running) -> Page:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(f"{platform.url}/inference")
    page.get_by_label("User name").fill(platform.username)
    page.get_by_label("Password", exact=True).fill(platform.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Webcam").click()
    expect(page.get_by_role("heading", name="Webcam")).to_be_visible()
    return page


def _choose(page: Page, model: str) -> None:
    page.get_by_role("combobox", name="Model").click()
    page.get_by_role("option", name=re.compile(model)).click()


def _picture(page: Page) -> Locator:
    return page.locator(".st-key-card_webcam .frame img")


def test_what_the_camera_sees_is_shown_with_its_answers(before_a_camera: Page, pictures: Path) -> None:
    page = before_a_camera
    _choose(page, "digit-detector")
    page.get_by_role("button", name="Start the camera").click()
    expect(_picture(page)).to_be_visible()
    expect(_picture(page)).to_have_attribute("alt", re.compile(r"^\d(, \d)+$"))  # digits, where they are on the picture
    assert _picture(page).evaluate("image => [image.naturalWidth, image.naturalHeight]") == [960, 720]
    expect(page.get_by_text(re.compile(r"\d pictures a second · \d+ ms"))).to_be_visible()
    if not (pictures / "webcam.png").exists():  # delete it to have it taken anew
        page.screenshot(path=pictures / "webcam.png")


def test_another_model_answers_without_a_new_start(before_a_camera: Page) -> None:
    page = before_a_camera
    _choose(page, "digit-classifier")
    expect(_picture(page)).to_have_attribute("alt", re.compile(r"^\d$"))
    expect(page.get_by_role("button", name="Stop the camera")).to_be_visible()


def test_whoever_stops_it_gets_the_camera_back(before_a_camera: Page) -> None:
    page = before_a_camera
    page.get_by_role("button", name="Stop the camera").click()
    expect(page.get_by_text("The camera is off")).to_be_visible()
    expect(_picture(page)).to_be_hidden()
    assert page.locator(".st-key-card_webcam video").evaluate("video => video.srcObject === null")


def test_leaving_the_page_ends_it(before_a_camera: Page) -> None:
    page = before_a_camera
    page.get_by_role("button", name="Start the camera").click()
    expect(_picture(page)).to_be_visible()
    asked: list[str] = []
    page.get_by_role("button", name="Back to inference").click()
    expect(page.get_by_role("heading", name="Inference")).to_be_visible()
    expect(page.locator(".st-key-card_webcam")).to_have_count(0)
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(1_500)
    assert not [url for url in asked if url.endswith("/inference/predict")]


def test_an_ended_sign_in_ends_it_with_a_word(before_a_camera: Page, platform: Running) -> None:
    page = before_a_camera
    page.get_by_role("button", name="Webcam").click()
    page.get_by_role("button", name="Start the camera").click()
    expect(_picture(page)).to_be_visible()
    cookies = {each["name"]: each["value"] for each in page.context.cookies()}
    origin = {"origin": platform.url, "sec-fetch-site": "same-origin"}
    left = httpx.post(f"{platform.url}/auth/logout", cookies=cookies, headers=origin, timeout=60)
    assert left.status_code < 400, left.text
    expect(page.get_by_text("Your sign-in has ended")).to_be_visible()
    expect(_picture(page)).to_be_hidden()


def test_without_a_camera_or_leave_to_use_it_the_reason_is_told(chromium: Browser, platform: Running) -> None:
    page = _signed_in(chromium, platform)
    page.get_by_role("button", name="Start the camera").click()
    expect(page.get_by_text(re.compile("has no camera|not allowed to use the camera"))).to_be_visible()
    expect(page.get_by_role("button", name="Start the camera")).to_be_visible()
    page.context.close()
