"""Folders that others change while they are walked."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from registry.settings import Settings
from registry.storage import LocalStorage
from registry.storage.walk import entries_in, files_below
from registry.training.datasets.workspace import Workspace

_TIMES = 1_000


def test_files_are_found_at_every_depth_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "deep").write_bytes(b"123")
    (tmp_path / "top").write_bytes(b"1")
    (tmp_path / "link").symlink_to(tmp_path / "a" / "b" / "deep")
    (tmp_path / "nowhere").symlink_to(tmp_path / "none")
    found = {path.relative_to(tmp_path).as_posix(): about for path, about in files_below(tmp_path)}
    assert found.keys() == {"a/b/deep", "top", "link", "nowhere"}
    assert found["a/b/deep"].st_size == len(b"123")
    assert {path.name for path, _ in entries_in(tmp_path)} == {"a", "top", "link", "nowhere"}


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert list(entries_in(tmp_path / "none")) == []
    assert list(files_below(tmp_path / "none")) == []


@pytest.mark.usefixtures("comings_and_goings")
def test_what_comes_and_goes_is_no_error(tmp_path: Path) -> None:
    for _ in range(_TIMES):
        assert [path.name for path, _ in files_below(tmp_path) if path.name == "stays"] == ["stays"]
        assert "stays" in [path.name for path, _ in entries_in(tmp_path)]


@pytest.mark.usefixtures("comings_and_goings")
def test_keys_are_listed_while_others_come_and_go(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    for _ in range(_TIMES):
        assert list(storage.keys("st")) == ["stays"]


def test_a_place_is_found_while_other_exports_end(settings: Settings) -> None:
    workspace = Workspace(settings)
    with _changing(workspace.staging("x").parent):
        for _ in range(_TIMES):
            workspace.staging("archive.zip")


@pytest.fixture
def comings_and_goings(tmp_path: Path) -> Iterator[None]:
    (tmp_path / "stays").write_bytes(b"")
    with _changing(tmp_path):
        yield


@contextmanager
def _changing(folder: Path) -> Iterator[None]:
    """A folder in which files and folders appear and vanish all the time."""
    over = threading.Event()

    def change() -> None:
        while not over.is_set():
            (folder / "file").write_bytes(b"")
            (folder / "folder" / "below").mkdir(parents=True, exist_ok=True)
            (folder / "folder" / "below" / "file").write_bytes(b"")
            shutil.rmtree(folder / "folder")
            (folder / "file").unlink()

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
