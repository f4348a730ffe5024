"""Pictures in a browser: several at once, sliders, two versions, files to take along, the history, marks, the gallery.

The tests are the steps of one walk and run in this order.
"""

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, FloatRect, Page, expect

from registry.access.accounts import Accounts
from registry.access.actor import local_actor
from registry.models.intake import take_in
from registry.models.packing import packed
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.types import CHAMPION
from registry.records import Role, open_database
from registry.runtime.card import ModelCard, Thresholds
from registry.settings import PROJECT_ROOT
from registry.testing import onnx_models as tiny
from registry.testing.platform import PASSWORD, Running
from registry.testing.prompt_models import PROMPT_CARD, colour_decoder, colour_encoder
from registry.vision.encoding import encode_png
from tests.e2e.settling import PATIENCE_MS
from tests.prepared_platform import prepared_platform

DETECTOR, CUTTER, EMBEDDER = "line-digits", "cutter", "colours"
STARTER = PROJECT_ROOT / "data" / "starter" / "digit-detector"
SAMPLES = PROJECT_ROOT / "data" / "samples"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A platform with a user, a detector of two versions, a pair that takes prompts, and an embedder."""
    with prepared_platform(tmp_path_factory.mktemp("lab") / "home") as running:
        database = open_database(running.settings.records_url)
        Accounts(database, running.settings).create(local_actor(), "fay", PASSWORD, Role.USER)
        models = ModelRegistry(running.settings, database)
        files, card = {"model.onnx": (STARTER / "model.onnx").read_bytes()}, (STARTER / "card.json").read_bytes()
        known = ModelCard.parse(card)
        strict = known.model_copy(update={"thresholds": Thresholds(confidence=0.94)})
        pair = {"encoder.onnx": colour_encoder(), "decoder.onnx": colour_decoder()}
        for draft in (
            Draft(DETECTOR, files, known, alias=CHAMPION),
            Draft(DETECTOR, files, strict),
            Draft(EMBEDDER, {"model.onnx": tiny.colour_embedder()}, tiny.COLOUR_EMBED_CARD, alias=CHAMPION),
        ):
            models.publish(local_actor(), draft)
        take_in(models, local_actor(), packed(pair, 16), CUTTER, card=PROMPT_CARD)
        database.close()
        yield running


@pytest.fixture(scope="module")
def window(chromium: Browser, lab: Running) -> Iterator[Page]:
    """Fay's window."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(lab.url)
    page.get_by_label("User name").fill("fay")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    yield page
    context.close()


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "broken.jpg"
    path.write_bytes(b"\xff\xd8\xff nothing")
    return path


def objects(page: Page) -> int:
    return int(page.get_by_test_id("stMetricValue").first.inner_text())


def saved(page: Page, label: str) -> bytes:
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    with page.expect_download() as download:
        page.get_by_role("button", name=label, exact=True).click()
    return download.value.path().read_bytes()


def test_several_pictures_are_run_and_the_broken_one_is_named(window: Page, lab: Running, broken: Path) -> None:
    window.goto(f"{lab.url}/inference?model={DETECTOR}")
    window.get_by_role("radio", name="Your own").click()
    window.locator("input[type=file]").set_input_files(
        [SAMPLES / "lake-1280.jpg", broken, SAMPLES / "pagoda-1280.jpg", SAMPLES / "paper-192.jpg"]
    )
    expect(window.get_by_text("paper-192.jpg").first).to_be_visible()
    window.get_by_role("button", name="Run", exact=True).click()
    expect(window.get_by_text("broken.jpg: the image is a JPEG that ends early")).to_be_visible()
    expect(window.get_by_text("1 of 3")).to_be_visible()
    window.get_by_role("button", name="chevron_right icon").click()
    expect(window.get_by_text("2 of 3")).to_be_visible()
    expect(window.locator(".st-key-card_result_picture").get_by_text("pagoda-1280.jpg")).to_be_visible()


def test_the_answer_is_seen_without_scrolling(window: Page) -> None:
    window.set_viewport_size({"width": 1366, "height": 768})
    image = window.locator(".st-key-card_result_picture img")
    expect(image).to_be_visible()
    box = image.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 768
    expect(window.get_by_role("button", name="Run", exact=True)).to_be_in_viewport()
    window.set_viewport_size({"width": 1440, "height": 900})


def test_a_slider_filters_without_another_prediction(window: Page, lab: Running) -> None:
    before = objects(window)
    assert before >= 3
    answered = _answered(window, lab)
    slider = window.get_by_role("slider", name="Confidence")
    slider.focus()
    slider.press("End")  # nothing scores above 1
    expect(window.get_by_text("Nothing found")).to_be_visible()
    assert objects(window) == 0
    slider.press("Home")
    expect(window.get_by_text("Nothing found")).to_have_count(0)
    assert objects(window) >= before
    assert _answered(window, lab) == answered


def test_everything_can_be_taken_along(window: Page) -> None:
    body = json.loads(saved(window, "JSON"))
    assert len(body["detections"]) == objects(window)
    rows = list(csv.DictReader(io.StringIO(saved(window, "CSV").decode())))
    assert [row["label"] for row in rows] == [row["label"] for row in body["detections"]]
    assert saved(window, "PNG").startswith(b"\x89PNG")
    assert saved(window, "JPEG").startswith(b"\xff\xd8\xff")
    with zipfile.ZipFile(io.BytesIO(saved(window, "All as ZIP"))) as archive:
        stems = ("lake-1280", "pagoda-1280", "paper-192")
        assert archive.namelist() == [f"{stem}.{kind}" for stem in stems for kind in ("json", "csv", "jpg")] + [
            "failed.csv"
        ]
        assert json.loads(archive.read("pagoda-1280.json"))["detections"] == body["detections"]
        assert b"broken.jpg" in archive.read("failed.csv")


def test_two_versions_are_compared_in_three_ways(window: Page) -> None:
    window.get_by_text("Compare with another").click()
    expect(window.get_by_text("Second model")).to_be_visible()
    window.get_by_role("button", name="Run", exact=True).click()
    expect(window.get_by_text("found by both")).to_be_visible()
    picture = window.locator(".st-key-card_result_picture")
    expect(picture.locator("img")).to_have_count(2)
    window.get_by_role("radio", name="Overlay").click()
    expect(picture.locator("img")).to_have_count(1)
    expect(picture.get_by_text(f"only {DETECTOR} v2")).to_be_visible()
    window.get_by_role("radio", name="Blink").click()
    figures = picture.locator(".nx-blink figure")
    expect(figures).to_have_count(2)
    shown = "figure => getComputedStyle(figure).animationName"
    assert [figure.evaluate(shown) for figure in figures.all()] == ["none", "nx-blink"]
    assert all(image.evaluate("image => image.naturalWidth > 100") for image in picture.locator("img").all())


def test_both_answers_of_a_comparison_can_be_taken_along(window: Page) -> None:
    buttons = window.get_by_role("button", name="JSON", exact=True)
    expect(buttons).to_have_count(2)
    for number, button in enumerate(buttons.all(), start=1):
        with window.expect_download() as download:
            button.click()
        assert download.value.suggested_filename.endswith(f"-{DETECTOR}-v{number}.json")
        assert json.loads(download.value.path().read_bytes())["model"]["version"] == number
    with zipfile.ZipFile(io.BytesIO(saved(window, "All as ZIP"))) as archive:
        tables = {name for name in archive.namelist() if name.endswith(".json")}
        stems = ("lake-1280", "pagoda-1280", "paper-192")
        assert tables == {f"{stem}-{DETECTOR}-v{number}.json" for stem in stems for number in (1, 2)}


def test_the_history_has_it_all_and_forgets(window: Page) -> None:
    window.get_by_role("button", name="History", exact=True).click()
    expect(window.get_by_role("heading", name="History")).to_be_visible()
    expect(window.get_by_text("9 results")).to_be_visible()  # three pictures, then three by two versions
    window.get_by_role("button", name="Open").first.click()
    expect(window.get_by_role("heading", name="paper-192.jpg")).to_be_visible()
    assert json.loads(saved(window, "JSON"))["model"]["version"] == 2
    window.get_by_role("button", name="Delete", exact=True).click()
    window.get_by_role("button", name="Really delete").click()
    expect(window.get_by_text("8 results")).to_be_visible()
    window.get_by_role("button", name="Delete all").click()
    window.get_by_role("button", name="Really delete all").click()
    expect(window.get_by_text("Nothing yet")).to_be_visible()
    window.get_by_role("button", name="Back to inference").click()
    expect(window.get_by_role("heading", name="Inference")).to_be_visible()


def test_a_click_and_a_drag_cut_objects_out(window: Page, lab: Running, settled: Callable[[Page], None]) -> None:
    window.goto(f"{lab.url}/inference?model={CUTTER}")
    window.get_by_role("button", name="Gradient").click()
    expect(window.get_by_text("Mark an object")).to_be_visible()
    settled(window)  # or the picture is another one under the click
    picture = window.get_by_alt_text("The picture to mark")
    expect(picture).to_have_js_property("naturalWidth", 640)
    box = _box(picture)
    window.mouse.click(*_at(box, 0.4, 0.75))
    expect(window.get_by_role("heading", name="1 object")).to_be_visible()
    expect(window.locator("circle.on")).to_have_count(1)
    x, y = (float(window.locator("circle.on").get_attribute(name) or 0) for name in ("cx", "cy"))
    assert (x, y) == (pytest.approx(0.4 * 640, abs=2), pytest.approx(0.75 * 480, abs=2))
    box = _box(picture)
    window.mouse.move(*_at(box, 0.6, 0.35))
    window.mouse.down()
    window.mouse.move(*_at(box, 0.8, 0.7), steps=4)
    window.mouse.up()
    expect(window.get_by_role("heading", name="2 objects")).to_be_visible()
    window.get_by_role("radio", name="Beside it").click()
    window.mouse.click(*_at(_box(picture), 0.1, 0.1))
    expect(window.locator("circle.beside")).to_have_count(1)
    window.get_by_role("button", name="Undo").click()
    expect(window.locator("circle.beside")).to_have_count(0)
    masks = [row["mask"]["counts"] for row in json.loads(saved(window, "JSON"))["detections"]]
    assert len(masks) == 2
    window.get_by_role("button", name="Keep in the history").click()
    expect(window.get_by_text("Kept in the history")).to_be_visible()
    window.get_by_role("button", name="Clear").click()
    expect(window.get_by_text("Mark an object")).to_be_visible()


def test_the_camera_takes_a_picture(window: Page, lab: Running) -> None:
    window.goto(f"{lab.url}/inference?model={DETECTOR}")
    window.get_by_role("radio", name="Camera").click()
    expect(window.get_by_test_id("stCameraInput")).to_be_visible()
    expect(window.get_by_role("button", name="Run", exact=True)).to_be_disabled()


def test_who_was_enrolled_is_found_again(window: Page, lab: Running, tmp_path: Path, broken: Path) -> None:
    colours = {"red": (200, 10, 20), "dark red": (90, 5, 9), "blue": (5, 40, 220), "new": (150, 12, 16)}
    for name, rgb in colours.items():
        (tmp_path / f"{name}.png").write_bytes(encode_png(np.full((120, 160, 3), rgb, np.uint8)))
    window.goto(f"{lab.url}/gallery")
    expect(window.get_by_text("Nobody yet")).to_be_visible()
    for name, files in (("Azure", ["blue.png"]), ("Ruby", ["red.png", "dark red.png"])):
        window.get_by_label("Name", exact=True).fill(name)
        window.locator("input[type=file]").first.set_input_files([tmp_path / file for file in files])
        window.get_by_role("button", name="Enrol", exact=True).click()
        expect(window.locator(".st-key-card_gallery_list").get_by_text(name)).to_be_visible()
    expect(window.get_by_text("2 identities")).to_be_visible()
    window.get_by_role("radio", name="Your own").click()
    window.locator(".st-key-card_gallery_identify input[type=file]").set_input_files([tmp_path / "new.png", broken])
    window.get_by_role("button", name="Identify").click()
    found = window.locator(".st-key-card_result_picture_0").get_by_test_id("stProgress")
    expect(found.first).to_contain_text(re.compile(r"Ruby (0\.9|1\.0)"))
    expect(window.get_by_text("broken.jpg: the image is a JPEG")).to_be_visible()
    window.locator(".st-key-card_gallery_list").get_by_role("button", name="Delete").first.click()
    window.get_by_role("button", name="Really delete").click()
    expect(window.get_by_text("1 identity")).to_be_visible()


def _answered(page: Page, lab: Running) -> str:
    """How many pictures the server has answered, as its dashboard says; the open page stays as it is."""
    tab = page.context.new_page()
    tab.goto(lab.url)
    figure = tab.locator(".st-key-card_figure_frame_inspect").get_by_test_id("stMetricValue")
    figure.wait_for()
    said = figure.inner_text()
    tab.close()
    return said


def _box(locator: object) -> FloatRect:
    locator.scroll_into_view_if_needed()  # type: ignore[attr-defined]
    box: FloatRect = locator.bounding_box()  # type: ignore[attr-defined]
    return box


def _at(box: FloatRect, x: float, y: float) -> tuple[float, float]:
    return box["x"] + x * box["width"], box["y"] + y * box["height"]
