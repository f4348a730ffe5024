"""The storage contract."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.errors import InvalidInput, InvalidSetting, ObjectNotFound, StorageUnavailable
from registry.storage import LocalStorage, open_storage


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return open_storage(str(tmp_path / "storage"))


def test_what_was_put_is_got_back(storage: LocalStorage) -> None:
    assert storage.put("a/b.bin", b"one") == 3
    storage.put("a/b.bin", (part for part in (b"t", b"wo")))
    assert storage.get("a/b.bin") == b"two"
    assert storage.exists("a/b.bin")
    assert storage.url("a/b.bin").startswith("file://")


def test_keys_are_listed_by_prefix(storage: LocalStorage) -> None:
    for key in ("b/1", "a/2", "a/1", "ab"):
        storage.put(key, b"")
    assert list(storage.keys("a/")) == ["a/1", "a/2"]
    assert list(storage.keys()) == ["a/1", "a/2", "ab", "b/1"]


def test_a_stream_that_breaks_leaves_what_was_there(storage: LocalStorage) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError

    storage.put("a", b"old")
    with pytest.raises(RuntimeError):
        storage.put("a", broken())
    assert storage.get("a") == b"old"
    assert list(storage.keys()) == ["a"]


@pytest.mark.parametrize(
    "key",
    ["", "/etc/passwd", "../x", "a/../../x", "a\\b", "a\0b", ".hidden", "a/.b", "./a", "x" * 600],
)
def test_a_key_that_is_none_is_refused(storage: LocalStorage, key: str) -> None:
    with pytest.raises(InvalidInput):
        storage.put(key, b"")
    with pytest.raises(InvalidInput):
        storage.get(key)


def test_nothing_there_is_told(storage: LocalStorage) -> None:
    storage.put("a/b", b"")
    for key in ("missing", "a"):
        with pytest.raises(ObjectNotFound, match=key):
            storage.get(key)
    storage.delete("missing")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageUnavailable):
        open_storage(str(tmp_path / "file")).check()


def test_a_check_leaves_nothing_behind(storage: LocalStorage) -> None:
    storage.check()
    assert not list(storage.keys())


def test_another_scheme_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="ftp"):
        open_storage("ftp://somewhere")
