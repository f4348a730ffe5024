"""The census of an archive: what it says it holds, before any member is opened."""

import stat
import zipfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from registry.errors import InvalidInput, InvalidModel

_ENCRYPTED = 0x1
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENTRY, _ENTRY_BYTES = b"PK\x01\x02", 46 + 64  # a member in the directory: its fixed part, and room for extra fields
_SMALL = 1 << 20  # below this a member may be squeezed as far as it likes


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Bounds of an acceptable archive; sizes in bytes, unpacked."""

    members: int = 20_000
    member_bytes: int = 4 << 30
    total_bytes: int = 6 << 30
    ratio: int = 200
    name: int = 240


def take_census(
    archive: Path | BinaryIO, limits: ArchiveLimits = ArchiveLimits(), refusal: type[InvalidInput] = InvalidModel
) -> Sequence[str] | None:
    """The names in a zip archive, by its path or open at its start; None for a file that is no zip archive.

    Raises `refusal` for links, for names that lead out of a folder, for encrypted, doubled, oversized or
    over-compressed members, for too many of them, and for an archive that is cut off.
    """
    with archive.open("rb") if isinstance(archive, Path) else nullcontext(archive) as file:
        if file.read(4) != b"PK\x03\x04":
            return None
        try:
            with zipfile.ZipFile(_Counted(file, limits, refusal)) as opened:
                members = opened.infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
            hint = "Compare its size with that of the original, then copy it again or pack it anew."
            raise refusal(f"a zip archive that is damaged or cut off: {error}", hint=hint) from error
    for member in members:
        _check_name(member.filename, limits.name, refusal)
        _check_member(member, limits, refusal)
    names = [member.filename for member in members]
    if len({name.casefold() for name in names}) != len(names):
        raise refusal("the archive names a member twice")
    total = sum(member.file_size for member in members)
    if total > limits.total_bytes:
        raise refusal(f"the archive unpacks to {total} bytes; at most {limits.total_bytes} are accepted")
    return [member.filename for member in members if not member.is_dir()]


class _Counted:
    """The file as ZipFile reads it: its directory comes in one piece, and is measured before it becomes objects."""

    def __init__(self, file: BinaryIO, limits: ArchiveLimits, refusal: type[InvalidInput]) -> None:
        self._file, self._limits, self._refusal = file, limits, refusal
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int | None = -1, /) -> bytes:
        """Bytes from here on. Raises the refusal for a directory that is too long or names too many members."""
        most = max(_SMALL, self._limits.members * (_ENTRY_BYTES + self._limits.name))
        if size is not None and size > most:
            raise self._refusal(f"the archive's list of members has {size} bytes; at most {most} are accepted")
        data = self._file.read(-1 if size is None else size)
        if (found := data.count(_ENTRY)) > self._limits.members:
            raise self._refusal(f"the archive has {found} members; at most {self._limits.members} are accepted")
        return data


def _check_name(name: str, longest: int, refusal: type[InvalidInput]) -> None:
    parts = name.split("/")
    if name.startswith("/") or "\\" in name or ".." in parts or ":" in parts[0]:
        raise refusal(f"the archive names {name[:80]!r}, which leads out of its folder")
    if not name or len(name) > longest or not name.isprintable():
        raise refusal(f"the archive has a member with a name of {len(name)} characters that is no file name")


def _check_member(member: zipfile.ZipInfo, limits: ArchiveLimits, refusal: type[InvalidInput]) -> None:
    name, mode = member.filename[:80], member.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise refusal(f"the archive holds {name!r}, a link or device instead of a file")
    if member.flag_bits & _ENCRYPTED:
        raise refusal(f"the archive holds {name!r}, which is encrypted")
    if member.compress_type not in _METHODS:
        raise refusal(f"the archive compresses {name!r} in a way that is not unpacked here")
    if member.file_size > limits.member_bytes:
        raise refusal(f"{name!r} unpacks to {member.file_size} bytes; at most {limits.member_bytes} are accepted")
    if member.file_size > max(_SMALL, limits.ratio * member.compress_size):
        raise refusal(f"{name!r} unpacks to {limits.ratio} times its size or more")
