"""A training in a browser: started on a dataset's page, its curves watched live, its report, the way to the version.

The tests are the steps of one walk and run in this order.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, expect

from registry.settings import PROJECT_ROOT, child_environment
from registry.testing.digit_set import write_digit_set
from registry.testing.platform import Running
from registry.testing.requirements import require_package
from tests.prepared_platform import prepared_platform

_MINUTES = 600_000
pytestmark = pytest.mark.timeout(1_200)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A platform with Prefect, a runner, the starters and a small dataset."""
    require_package("ultralytics", "train")
    folder = tmp_path_factory.mktemp("training")
    source = write_digit_set(folder / "digits", {"train": 48, "val": 12, "test": 16}, 96)
    with prepared_platform(folder / "home", demo=True, jobs=True) as running:
        _nexusai(running, "datasets", "import", str(source), "--name", "digit-scenes")
        yield running


def _nexusai(running: Running, *words: str) -> str:
    line = [sys.executable, "-m", "app.cli.main", *words, "--json"]
    environment = child_environment(running.settings)
    done = subprocess.run(line, env=environment, capture_output=True, text=True, cwd=PROJECT_ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _shoot(page: Page, path: Path, height: int) -> None:
    if not path.exists():  # delete it to have it taken anew
        page.set_viewport_size({"width": 1440, "height": height})
        page.wait_for_load_state("networkidle")
        page.screenshot(path=path)
        page.set_viewport_size({"width": 1440, "height": 900})


def test_a_training_is_started_on_a_datasets_page(page: Page, fresh: Running, pictures: Path) -> None:
    page.goto(fresh.url)
    page.get_by_label("User name").fill(fresh.username)
    page.get_by_label("Password", exact=True).fill(fresh.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Datasets").click()
    page.get_by_role("button", name="Open").filter(has_text="Open").click()  # not those of select boxes
    page.get_by_role("radio", name="Train").or_(page.get_by_role("button", name="Train", exact=True)).first.click()
    expect(page.get_by_role("heading", name="Train on this version")).to_be_visible()
    page.get_by_label("Epochs, at most").fill("8")
    page.get_by_label("Image size, px").fill("96")
    page.get_by_label("Learning rate").fill("0.001")
    _shoot(page, pictures / "training-form.png", 900)
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("heading", name="Training of digit-detector")).to_be_visible()


def test_its_curves_grow_and_a_killed_process_costs_no_epoch(page: Page, fresh: Running) -> None:
    expect(page.get_by_text(re.compile(r"epoch [2-8] of 8, mAP50 0\.\d+")).first).to_be_visible(timeout=_MINUTES)
    expect(page.locator(".st-key-card_training_curves canvas, .st-key-card_training_curves svg").first).to_be_visible()
    flow = next(
        child
        for child in psutil.Process(fresh.process.pid).children(recursive=True)
        if "prefect.engine" in " ".join(child.cmdline())
    )
    os.kill(flow.pid, signal.SIGKILL)
    [job] = json.loads(_nexusai(fresh, "jobs", "list"))
    done = job["done"]
    assert done >= 2
    deadline = time.monotonic() + _MINUTES / 1000
    while (now := json.loads(_nexusai(fresh, "jobs", "list"))[0])["attempts"] < 2 and now["state"] != "succeeded":
        assert time.monotonic() < deadline
        time.sleep(1)
    assert now["done"] >= done


def test_its_report_shows_tables_pictures_and_the_ways_to_the_version_and_to_mlflow(
    page: Page, pictures: Path, settled: Callable[[Page], None]
) -> None:
    expect(page.get_by_text(re.compile(r"Version 2 of digit-detector:\W+mAP50")).first).to_be_visible(timeout=_MINUTES)
    for heading in ("By class", "Confusion matrix", "Precision against recall", "The new version", "How it was made"):
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
    expect(page.get_by_text("8 epochs")).to_be_visible()
    page.locator(".st-key-card_training_classes canvas").first.wait_for()
    settled(page)
    _shoot(page, pictures / "training.png", 1_900)
    link = page.get_by_role("link", name="Open in MLflow")
    assert re.search(r"/mlflow/#/runs/[0-9a-f]{32}", str(link.get_attribute("href")))
    page.get_by_role("button", name="Open version 2").click()
    expect(page.get_by_role("heading", name="Version 2", exact=True)).to_be_visible()
    expect(page.get_by_text("Trained on digit-scenes/1, from digit-detector/1.", exact=True)).to_be_visible()
    expect(page.get_by_text("candidate").first).to_be_visible()


def test_the_browser_had_nothing_to_complain_about(complaints: list[str]) -> None:
    assert complaints == []
