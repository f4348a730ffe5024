"""What a file is told to be, by its content."""

from pathlib import Path

import pytest

from registry.conversion.census import take_census
from registry.conversion.file_kind import FileKind, kind_of
from registry.errors import InvalidModel
from registry.models.packing import packed
from registry.testing.onnx_models import blob_detector


def test_an_onnx_file_that_was_cut_off_is_told_as_such(tmp_path: Path) -> None:
    whole = blob_detector()
    file = tmp_path / "file"
    for length in (len(whole) // 2, len(whole) * 9 // 10, 24):
        file.write_bytes(whole[:length])
        with pytest.raises(InvalidModel, match="ONNX file that is cut off") as refused:
            kind_of(file, None)
        assert "size" in refused.value.hint
    file.write_bytes(whole)
    assert kind_of(file, None) is FileKind.ONNX


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\n\x80\x02 a text that begins with an empty line", "its first byte begins a field that is cut off"),
        (b"\x08\x07\x12\x7fshort", "a number and a cut text, but no graph"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
    ],
)
def test_other_bytes_are_no_cut_onnx_file(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(InvalidModel, match="no format that has a way in"):
        kind_of(tmp_path / "file", None)


def test_an_archive_that_was_cut_off_is_told_with_what_to_do(tmp_path: Path) -> None:
    whole = packed({"encoder.onnx": blob_detector(), "decoder.onnx": blob_detector()}, 16)
    (tmp_path / "file").write_bytes(whole[:-30])
    with pytest.raises(InvalidModel, match="damaged or cut off") as refused:
        take_census(tmp_path / "file")
    assert "copy it again" in refused.value.hint
