"""The Datasets page in a browser: import, look, divide, compare, export, delete.

The tests are the steps of one walk and run in this order.
"""

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser, Page, expect

from registry.access.accounts import Accounts
from registry.access.sessions import Sessions
from registry.records import open_database, users
from registry.testing.platform import ADMIN, Running
from registry.training.digits import load_digits
from registry.training.params import SceneParams
from registry.training.scene_folder import write_scenes
from registry.training.scenes import SceneComposer
from tests.e2e.settling import PATIENCE_MS
from tests.prepared_platform import prepared_platform

HOSTILE = "zz <img src=x onerror=alert(1)> :material_home: **x**"
SCENES = 40


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with prepared_platform(tmp_path_factory.mktemp("lab") / "home") as running:
        yield running


@pytest.fixture(scope="module")
def tab(chromium: Browser, lab: Running) -> Iterator[Page]:
    """The administrator's window; a script of a picture's name that runs is an error."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    context.set_default_timeout(PATIENCE_MS)
    database = open_database(lab.settings.records_url)
    with database.read() as session:
        user = users.by_name(session, ADMIN)
    assert user
    value = Sessions(database, lab.settings).exchange(Accounts(database, lab.settings).code_for(user))
    database.close()
    context.add_cookies([{"name": "nexusai_session", "value": value, "url": lab.url}])
    page = context.new_page()
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    yield page
    assert dialogs == []
    context.close()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scenes with digits in the YOLO layout, with a few things wrong, on a picture with a hostile name."""
    folder = tmp_path_factory.mktemp("scenes")
    write_scenes(folder, SceneComposer.over(load_digits(), SceneParams()), SCENES, 5)
    names = {digit: str(digit) for digit in range(10)}
    with zipfile.ZipFile(folder / "scenes.zip", "w") as out:
        out.writestr("data.yaml", yaml.safe_dump({"names": names, "download": "import os"}))
        for path in sorted((folder / "images").glob("*.jpg")):
            is_wrong = path.stem == "00003"
            name = HOSTILE if is_wrong else path.stem
            labels = (folder / "labels" / f"{path.stem}.txt").read_text("ascii")
            out.write(path, f"images/{name}.jpg")
            out.writestr(f"labels/{name}.txt", labels + ("0 1.1 0.5 0.4 0.2\n2 nan 0 1 1\n" if is_wrong else ""))
    return folder / "scenes.zip"


def test_an_archive_is_imported_and_its_problems_are_told(tab: Page, lab: Running, archive: Path) -> None:
    tab.goto(f"{lab.url}/datasets")
    expect(tab.get_by_text("No datasets yet")).to_be_visible()
    tab.get_by_role("button", name="Import dataset").click()
    tab.locator("input[type=file]").set_input_files(archive)
    tab.get_by_label("Name", exact=True).fill("digit-scenes")
    tab.get_by_label("Description", exact=True).fill("Handwritten digits on all sorts of ground")
    tab.get_by_role("button", name="Check and import").click()
    expect(tab.get_by_text(f"digit-scenes version 1: {SCENES} images")).to_be_visible()
    for found in ("Not a number 1", "Out of bounds 1", "Ignored field 1"):
        expect(tab.get_by_text(found)).to_be_visible()


def test_pictures_are_browsed_with_their_labels(
    tab: Page, settled: Callable[[Page], None], pictures: Path, lab: Running
) -> None:
    tab.get_by_role("button", name="Open the dataset").click()
    expect(tab.get_by_role("heading", name="digit-scenes")).to_be_visible()
    tiles = tab.locator("[class*='st-key-tile_']")
    expect(tiles).to_have_count(12)
    settled(tab)
    tab.evaluate("Promise.all([...document.images].map((image) => image.decode()))")
    if not (pictures / "datasets.png").exists():  # delete it to have it taken anew
        tab.screenshot(path=pictures / "datasets.png")
    tab.get_by_role("combobox", name="Problem").click()
    tab.get_by_role("option", name="Any problem").click()
    expect(tiles).to_have_count(1)
    tiles.get_by_role("button", name="zz").click()
    dialog = tab.get_by_role("dialog")
    expect(dialog.get_by_text("192 × 192")).to_be_visible()
    expect(dialog.locator("img")).to_be_visible()
    assert HOSTILE in dialog.inner_text().replace("\u2060", "")
    assert tab.locator("img[src='x']").count() == 0
    tab.keyboard.press("Escape")


def test_samples_are_divided_and_the_versions_compared(tab: Page) -> None:
    tab.get_by_role("radio", name="Versions").click()
    tab.get_by_role("button", name="Divide").click()
    expect(tab.get_by_text("2 of 2")).to_be_visible()
    expect(tab.get_by_text("Images changed")).to_be_visible()
    tab.get_by_role("button", name="Copy to the remote").click()
    expect(tab.get_by_text("was copied to the remote on")).to_be_visible()


def test_figures_are_drawn(tab: Page, settled: Callable[[Page], None], pictures: Path) -> None:
    tab.get_by_role("radio", name="Statistics").click()
    expect(tab.get_by_text("Where boxes are")).to_be_visible()
    expect(tab.locator("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg")).to_have_count(6)
    settled(tab)
    if not (pictures / "dataset-statistics.png").exists():  # delete it to have it taken anew
        tab.screenshot(path=pictures / "dataset-statistics.png")


def test_an_archive_is_downloaded(tab: Page) -> None:
    tab.get_by_role("button", name="Export").click()
    link = tab.get_by_role("link", name="COCO")
    answer = tab.context.request.get(str(tab.url.split("/datasets")[0]) + str(link.get_attribute("href")))
    assert answer.ok
    names = zipfile.ZipFile(io.BytesIO(answer.body())).namelist()
    assert sum(name.startswith("images/") for name in names) == SCENES
    tab.keyboard.press("Escape")


def test_a_dataset_is_deleted_after_a_question(tab: Page) -> None:
    tab.get_by_role("radio", name="Versions").click()
    tab.get_by_role("button", name="Delete dataset").click()
    tab.get_by_role("button", name="Delete", exact=True).click()
    expect(tab.get_by_text("No datasets yet")).to_be_visible()
