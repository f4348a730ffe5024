"""Folders and pairs as one archive."""

import io
import zipfile
from pathlib import Path

import pytest

from registry.errors import InvalidModel, UploadTooLarge
from registry.models.packing import packed


def names(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_folder_and_a_mapping_become_the_same_archive_each_time(tmp_path: Path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "encoder.onnx").write_bytes(b"e")
    (tmp_path / "deep" / "b.txt").write_bytes(b"b")
    files = {"encoder.onnx": b"e", "deep/b.txt": tmp_path / "deep" / "b.txt"}
    assert packed(tmp_path, 1) == packed(files, 1) == packed(tmp_path, 1)
    assert names(packed(tmp_path, 1)) == {"deep/b.txt": b"b", "encoder.onnx": b"e"}


def test_what_is_no_model_s_folder_is_refused(tmp_path: Path):
    with pytest.raises(InvalidModel, match="no file"):
        packed(tmp_path, 1)
    (tmp_path / "large").write_bytes(bytes(2 << 20))
    with pytest.raises(UploadTooLarge, match="1 MiB"):
        packed(tmp_path, 1)
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(InvalidModel, match="a link"):
        packed(tmp_path, 8)
