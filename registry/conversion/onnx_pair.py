"""ONNX files that make one model together, in a zip archive."""

import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from registry.conversion.census import ArchiveLimits, take_census
from registry.errors import InvalidModel

_MEMBERS = 64
_RATIO = 20  # weights hardly shrink
_PAIRS = (("encoder.onnx", "decoder.onnx"), ("det.onnx", "rec.onnx"))  # of Segment Anything, of PP-OCR
_FURTHER = ("cls.onnx", "characters.txt")


def members_of(names: Iterable[str]) -> dict[str, str]:
    """Which member of an archive is which file of a pair, by the ends of their names; nothing if it holds none.

    `mobile_sam.encoder.onnx` is an `encoder.onnx`. A file that two members could be makes it none.
    """
    names = list(names)
    for pair in _PAIRS:
        found = {file: [name for name in names if _is(name, file)] for file in (*pair, *_FURTHER)}
        if all(len(found[file]) == 1 for file in pair):
            return {file: members[0] for file, members in found.items() if len(members) == 1}
    return {}


def unpack(path: Path, most_bytes: int) -> dict[str, bytes]:
    """The files of a pair by the names they are served under.

    Raises InvalidModel, before anything is unpacked, for more than `most_bytes` or members that are squeezed further
    than weights can be.
    """
    members = members_of(take_census(path, ArchiveLimits(_MEMBERS, most_bytes, most_bytes, _RATIO)) or ())
    try:
        with zipfile.ZipFile(path) as archive:
            return {file: _read(archive, member) for file, member in members.items()}
    except (zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
        raise InvalidModel(f"the archive is damaged: {str(error)[:120]}", hint=InvalidModel.broken_hint) from error


def pack(files: Mapping[str, Path]) -> bytes:
    """An archive of the files of a pair, as they are, under these names."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name, path in files.items():
            archive.write(path, name)
    return made.getvalue()


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    """A member: no more bytes than it declares, whatever it would inflate to."""
    with archive.open(name) as member:
        return member.read(archive.getinfo(name).file_size)


def _is(name: str, file: str) -> bool:
    leaf = name.rpartition("/")[2]
    return leaf == file or leaf.endswith(("." + file, "_" + file, "-" + file))
