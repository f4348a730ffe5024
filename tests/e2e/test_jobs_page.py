"""Background work in a browser: a batch and a video started by clicks, watched, cancelled, looked at, found in Prefect.

The tests are the steps of one walk and run in this order.
"""

import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from app.ui.dataset_import import IN_PAGE_MOST_BYTES
from registry.settings import PROJECT_ROOT
from registry.testing.platform import Running
from registry.testing.video import Clip, write_digit_clip
from registry.training.digits import load_digits
from tests.prepared_platform import prepared_platform

SAMPLES = sorted((PROJECT_ROOT / "data" / "samples").glob("*.jpg"))
PLACES = """{"zones": [{"name": "left half", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}],
"lines": [{"name": "middle", "start": [0.5, 0], "end": [0.5, 1]}]}"""
_MINUTES = 480_000


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A platform with Prefect and a runner."""
    with prepared_platform(tmp_path_factory.mktemp("jobs") / "home", demo=True, jobs=True) as running:
        yield running


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A short archive, a long one, and a file that is no image."""
    folder = tmp_path_factory.mktemp("archives")
    made = {name: folder / f"{name}.zip" for name in ("shift", "year")}
    for name, count in (("shift", 24), ("year", 1_500)):
        with zipfile.ZipFile(made[name], "w") as archive:
            for number in range(count):
                archive.write(SAMPLES[number % len(SAMPLES)], f"{number:04d}.jpg")
    made["broken"] = folder / "broken.jpg"
    made["broken"].write_bytes(b"\xff\xd8\xff\xe0 not an image")
    return made


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "gate.mp4"
    write_digit_clip(path, load_digits(), Clip(seconds=4.0))
    return path


def _send(page: Page, *files: Path) -> None:
    page.get_by_role("button", name="New batch").click()
    page.locator("input[type=file]").set_input_files([str(file) for file in files])
    expect(page.get_by_text(files[-1].name)).to_be_visible()


def test_a_batch_is_started_by_a_click_and_ends_with_its_results(
    page: Page, fresh: Running, archives: dict[str, Path], pictures: Path, settled: Callable[[Page], None]
) -> None:
    page.goto(fresh.url)
    page.get_by_label("User name").fill(fresh.username)
    page.get_by_label("Password", exact=True).fill(fresh.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    expect(page.get_by_text("Healthy")).to_have_count(4)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Jobs").click()
    expect(page.get_by_text("No jobs yet")).to_be_visible()
    _send(page, archives["shift"], archives["broken"])
    page.get_by_text("Also make annotated pictures").click()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("heading", name="Batch inference with digit-detector")).to_be_visible()
    expect(page.get_by_text("24 images answered, 1 could not be read")).to_be_visible(timeout=_MINUTES)
    expect(page.get_by_role("heading", name="Not readable")).to_be_visible()
    expect(page.locator(".st-key-card_job_failed").get_by_text("broken.jpg")).to_be_visible()
    shown = page.locator(".st-key-card_job_pictures img")
    expect(shown).to_have_count(6)
    page.locator("canvas").first.wait_for()
    settled(page)
    if not (pictures / "job.png").exists():  # delete it to have it taken anew
        page.set_viewport_size({"width": 1440, "height": 1180})
        page.wait_for_load_state("networkidle")
        page.screenshot(path=pictures / "job.png")
        page.set_viewport_size({"width": 1440, "height": 900})


def test_its_results_are_downloaded_with_a_click(page: Page) -> None:
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("results.jsonl")).evaluate(
            "link => { link.target = '_self'; link.click() }"
        )
    assert len(download.value.path().read_bytes().splitlines()) == 25


def test_its_run_opens_in_prefect_behind_the_same_sign_in(window: BrowserContext, page: Page, fresh: Running) -> None:
    foreign: list[str] = []
    tab = window.new_page()
    tab.on(
        "request",
        lambda request: None if request.url.startswith((fresh.url, "data:", "blob:")) else foreign.append(request.url),
    )
    tab.goto(f"{fresh.url}{page.get_by_role('link', name='Open in Prefect').get_attribute('href')}")
    expect(tab.get_by_text("Completed").first).to_be_visible()
    tab.get_by_role("tab", name="Artifacts").click()
    expect(tab.get_by_text(re.compile("job-[0-9a-f]{32}")).first).to_be_visible()
    tab.close()
    assert foreign == []


def test_a_running_batch_shows_how_far_it_is_and_is_cancelled_by_a_click(page: Page, archives: dict[str, Path]) -> None:
    page.get_by_role("button", name="All jobs").click()
    _send(page, archives["year"])
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("heading", name="Batch inference")).to_be_visible()
    page.get_by_role("button", name="All jobs").click()
    bar = page.get_by_role("progressbar")
    expect(bar).to_be_visible(timeout=_MINUTES)
    expect(page.get_by_text(re.compile(r"[1-9]\d* of 1,500"))).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled").first).to_be_visible()
    expect(page.get_by_text(re.compile(r"\d+ of 1,500 images answered"))).to_be_visible()


def test_a_video_is_started_by_a_click_and_its_film_plays(
    page: Page, video: Path, pictures: Path, settled: Callable[[Page], None]
) -> None:
    page.get_by_role("button", name="New video").click()
    page.locator("input[type=file]").set_input_files(str(video))
    expect(page.get_by_text(video.name)).to_be_visible()
    page.get_by_text("Zones and lines to count in").click()
    page.get_by_label("Zones and lines as JSON").fill(PLACES)
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("heading", name=re.compile(r"Video analysis of .+ with digit-detector"))).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_visible(timeout=_MINUTES)
    expect(page.get_by_text(re.compile(r"[1-9]\d* of (100|200)"))).to_be_visible(timeout=_MINUTES)
    expect(page.get_by_text("100 pictures looked at")).to_be_visible(timeout=_MINUTES)
    expect(page.locator(".st-key-card_video_timeline canvas, .st-key-card_video_timeline svg").first).to_be_visible()
    expect(page.get_by_role("heading", name="Zones")).to_be_visible()
    expect(page.locator(".st-key-card_video_gallery img").first).to_be_visible()
    expect(page.locator(".st-key-card_video_heat img")).to_be_visible()
    page.wait_for_function("() => document.querySelector('video')?.readyState >= 1")
    page.evaluate(
        "() => { document.querySelector('video').muted = true; return document.querySelector('video').play() }"
    )
    page.wait_for_function("() => document.querySelector('video').currentTime > 1")
    page.evaluate("() => { const film = document.querySelector('video'); film.pause(); film.currentTime = 3 }")
    page.wait_for_function("() => !document.querySelector('video').seeking")  # by a request for a part of the file
    assert page.evaluate("() => document.querySelector('video').duration") == pytest.approx(4.0, abs=0.05)
    settled(page)
    if not (pictures / "video.png").exists():  # delete it to have it taken anew
        page.set_viewport_size({"width": 1440, "height": 1500})
        page.locator("canvas").first.wait_for()
        page.wait_for_load_state("networkidle")
        page.screenshot(path=pictures / "video.png")
        page.set_viewport_size({"width": 1440, "height": 900})


def test_a_schedule_is_made_by_clicks_and_one_that_never_comes_is_refused(
    page: Page, pictures: Path, settled: Callable[[Page], None]
) -> None:
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Jobs").click()
    page.get_by_role("tab", name="Schedules").click()
    expect(page.get_by_text("Nightly clean-up")).to_be_visible()
    page.get_by_role("button", name="New schedule").click()
    page.get_by_label("Name", exact=True).fill("Weekly look")
    _choose(page, "Job", "Clean-up")
    _choose(page, "When", "Other times")
    _enter(page, "Cron expression", "0 0 31 2 *")
    expect(page.get_by_text("never comes")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert").get_by_text("never comes")).to_be_visible()
    _enter(page, "Cron expression", "0 4 * * 0")
    expect(page.get_by_text("Next:")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    row = page.get_by_text("Weekly look")
    expect(row).to_be_visible()
    expect(page.get_by_role("heading", name="New schedule")).to_have_count(0)
    settled(page)
    if not (pictures / "schedules.png").exists():
        page.screenshot(path=pictures / "schedules.png")


def test_a_clean_up_is_run_from_its_schedule_and_says_what_would_go(page: Page) -> None:
    page.locator("[class*=st-key-card_schedule_]", has_text="Weekly look").get_by_role("button", name="Run now").click()
    expect(page.get_by_role("heading", name="Clean-up")).to_be_visible()
    expect(page.get_by_text("This was a dry run: nothing was removed.")).to_be_visible(timeout=_MINUTES)


def test_an_optimisation_is_started_by_a_click_and_says_which_gate_a_form_did_not_pass(
    page: Page, fresh: Running, pictures: Path, settled: Callable[[Page], None]
) -> None:
    page.goto(f"{fresh.url}/models?model=digit-classifier")
    page.get_by_role("tab", name="Optimise").click()
    page.get_by_role("button", name="Optimise").click()
    expect(page.get_by_role("heading", name="Optimisation with digit-classifier")).to_be_visible()
    expect(page.get_by_role("heading", name="Accuracy by class")).to_be_visible(timeout=_MINUTES)
    settled(page)
    if not (pictures / "optimisation.png").exists():
        page.screenshot(path=pictures / "optimisation.png")


def test_a_large_dataset_is_imported_by_a_job_and_opened_from_it(
    page: Page, fresh: Running, tmp_path: Path, settled: Callable[[Page], None]
) -> None:
    archive = tmp_path / "scenes.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for path in SAMPLES:
            out.write(path, f"scenes/{path.name}")
        out.writestr("raw.bin", bytes(IN_PAGE_MOST_BYTES))  # nothing that an import reads
    page.goto(f"{fresh.url}/datasets")
    page.get_by_role("button", name="Import dataset").click()
    page.locator("input[type=file]").set_input_files(archive)
    expect(page.get_by_text("scenes.zip")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("scenes")
    page.get_by_role("button", name="Check and import").click()
    expect(page.get_by_role("heading", name="Dataset import of scenes")).to_be_visible(timeout=_MINUTES)
    expect(page.get_by_text("Queued").first).to_be_visible()
    expect(page.get_by_text(re.compile("It is being started|It waits for its turn|A runner"))).to_be_visible()
    expect(page.get_by_text(re.compile("scenes version 1: [0-9]+ images with"))).to_be_visible(timeout=_MINUTES)
    settled(page)
    page.get_by_role("button", name="Open the dataset").click()
    expect(page.get_by_role("heading", name="scenes")).to_be_visible()


def _choose(page: Page, field: str, option: str) -> None:
    page.get_by_role("combobox", name=field).click()
    page.get_by_role("option", name=option, exact=True).click()


def _enter(page: Page, field: str, text: str) -> None:
    page.get_by_role("textbox", name=field).fill(text)
    page.get_by_role("textbox", name=field).press("Enter")


def test_the_browser_had_nothing_to_complain_about(complaints: list[str]) -> None:
    assert complaints == []
