"""A known model from the catalogue, and one from one's own disk, on the Models page.

The tests are the steps of one walk and run in this order.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Page, expect

from registry.sizes import bytes_text
from registry.testing.file_server import FileServer, file_server
from registry.testing.onnx_models import blob_detector
from registry.testing.platform import ADMIN, PASSWORD, Running
from tests.prepared_platform import prepared_platform

BLOB = blob_detector()


@pytest.fixture(scope="module")
def publisher() -> Iterator[FileServer]:
    with file_server(BLOB) as running:
        yield running


@pytest.fixture(scope="module")
def fresh(publisher: FileServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A platform whose catalogue names the publisher's file."""
    folder = tmp_path_factory.mktemp("catalogue")
    entry = {"task": "detect", "licence": "MIT", "description": "Finds spots.", "source": publisher.url}
    known = {"sha256": hashlib.sha256(BLOB).hexdigest(), "size_bytes": len(BLOB)}
    entries = [entry | known | {"name": "spot-finder"}, entry | {"name": "unknown-hash"}]
    (folder / "mlflow.yaml").write_text(yaml.safe_dump({"catalogue": entries}), encoding="utf-8")
    further = {"mlflow_file": str(folder / "mlflow.yaml")}
    with prepared_platform(folder / "home", further=further) as running:
        yield running


def test_the_catalogue_is_opened(page: Page, fresh: Running) -> None:
    page.goto(fresh.url)
    page.get_by_label("User name").fill(ADMIN)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Models").click()
    page.get_by_role("button", name="Add a model").click()
    page.get_by_role("tab", name="From the catalogue").click()
    expect(page.get_by_role("heading", name="From the catalogue")).to_be_visible()
    expect(page.get_by_text(f"MIT · {bytes_text(len(BLOB))} from 127")).to_have_count(1)
    expect(page.get_by_text("No sha256 is known")).to_be_visible()


def test_a_server_that_is_away_is_said_with_the_way_out(page: Page, publisher: FileServer) -> None:
    publisher.status = 404
    page.get_by_role("button", name="Pull").click()
    expect(page.get_by_text("it answered 404")).to_be_visible()
    expect(page.get_by_text("nexusai models pull spot-finder --file FILE")).to_be_visible()


def test_a_model_is_pulled(page: Page, publisher: FileServer) -> None:
    publisher.status = 200
    page.get_by_role("button", name="Pull").click()
    expect(page.get_by_text("version 1 is registered")).to_be_visible()
    expect(page.locator(".st-key-offer_spot-finder").get_by_role("button", name="Open")).to_be_visible()
    page.get_by_role("button", name="Open the model").click()
    expect(page.get_by_role("heading", name="spot-finder")).to_be_visible()


def test_a_large_file_is_sent_with_its_progress_and_refused_with_the_reason(
    page: Page, fresh: Running, tmp_path: Path
) -> None:
    page.goto(f"{fresh.url}/models")
    page.get_by_role("button", name="Add a model").click()
    page.get_by_role("button", name="Check and register").click()
    expect(page.get_by_text("No file was chosen")).to_be_visible()
    (tmp_path / "noise.onnx").write_bytes(bytes(60_000_000))
    page.locator("input[type=file]").set_input_files(tmp_path / "noise.onnx")
    expect(page.get_by_text("57.2 MiB")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("no name")
    page.get_by_role("button", name="Check and register").click()
    expect(page.get_by_text("“no name” cannot be a model's name")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("SPOT-finder")
    page.get_by_role("button", name="Check and register").click()
    expect(page.get_by_text("only by upper and lower case")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("noise")
    page.get_by_role("button", name="Check and register").click()
    expect(page.get_by_text("No format that has a way in")).to_be_visible()
    assert not list((fresh.settings.home / "quarantine").glob("*/model"))


def test_a_cancelled_upload_leaves_nothing(page: Page, fresh: Running) -> None:
    page.route("**/models/upload", lambda _route: None)  # never answered: it hangs until it is cancelled
    page.get_by_role("button", name="Check and register").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("The upload was cancelled")).to_be_visible()
    page.unroute("**/models/upload")
    assert not list((fresh.settings.home / "quarantine").glob("*/model"))


def test_a_model_is_uploaded(page: Page, tmp_path: Path) -> None:
    (tmp_path / "spots.onnx").write_bytes(BLOB)
    page.locator("input[type=file]").set_input_files(tmp_path / "spots.onnx")
    expect(page.get_by_text(bytes_text(len(BLOB)), exact=True)).to_be_visible()
    page.get_by_label("Name", exact=True).fill("my-spots")
    page.get_by_label("Who may use it").select_option("private")
    page.get_by_role("button", name="Check and register").click()
    expect(page.get_by_text("version 1 is registered")).to_be_visible()
    page.get_by_role("button", name="Open the model").click()
    expect(page.get_by_role("heading", name="my-spots")).to_be_visible()
    expect(page.locator(".stMarkdownBadge", has_text="Private")).to_be_visible()


def test_the_browser_had_nothing_to_complain_about(complaints: list[str]) -> None:
    assert complaints == []
