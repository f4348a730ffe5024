"""Pairs of ONNX files in an archive: never more memory than the archive may unpack to."""

import io
import random
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from registry.conversion.onnx_pair import pack, unpack
from registry.errors import InvalidModel
from registry.testing.hostile_files import archive

MIB = 1 << 20


def _file(folder: Path, data: bytes) -> Path:
    path = folder / "pair.zip"
    path.write_bytes(data)
    return path


def _refused(path: Path, most_bytes: int) -> str:
    """Why it is refused; nothing of it was inflated."""
    tracemalloc.start()
    try:
        with pytest.raises(InvalidModel) as caught:
            unpack(path, most_bytes)
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()
    return caught.value.message


def test_what_was_packed_is_unpacked(tmp_path: Path) -> None:
    files = {"encoder.onnx": b"e" * 3_000, "decoder.onnx": b"d" * 2_000}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    packed = pack({name: tmp_path / name for name in files})
    assert unpack(_file(tmp_path, packed), len(packed)) == files
    squeezed = archive({f"mobile_sam.{name}": data for name, data in files.items()}, zipfile.ZIP_DEFLATED)
    assert unpack(_file(tmp_path, squeezed), MIB) == files


def test_more_than_an_upload_may_be_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    pair = {"encoder.onnx": bytes(900_000), "decoder.onnx": bytes(900_000)}  # small enough to shrink as they like
    path = _file(tmp_path, archive(pair, zipfile.ZIP_DEFLATED))
    assert "unpacks to 1800000 bytes" in _refused(path, MIB)


def test_a_member_squeezed_further_than_weights_can_be_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    weights = (random.Random(0).randbytes(500) + bytes(40_000)) * 800  # noise and nothing, about 75 to 1
    path = _file(tmp_path, archive({"encoder.onnx": weights, "decoder.onnx": b"d"}, zipfile.ZIP_DEFLATED))
    assert 20 < len(weights) / path.stat().st_size < 200
    assert "times its size" in _refused(path, 1 << 30)


def test_a_member_that_declares_less_than_it_inflates_to_takes_no_more_than_it_declares(tmp_path: Path) -> None:
    data = bytearray(archive({"encoder.onnx": bytes(64 * MIB), "decoder.onnx": b"d"}, zipfile.ZIP_DEFLATED))
    for place, offset in ((data.index(b"PK\x01\x02"), 24), (0, 22)):
        data[place + offset : place + offset + 4] = struct.pack("<I", 1_000)
    assert zipfile.ZipFile(io.BytesIO(data)).getinfo("encoder.onnx").file_size == 1_000
    assert "damaged" in _refused(_file(tmp_path, bytes(data)), MIB)
