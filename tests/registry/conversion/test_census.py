"""The census of an archive: a directory that would fill the memory is refused before it is read into objects."""

import io
import zipfile

import pytest

from registry.conversion.census import ArchiveLimits, take_census
from registry.errors import InvalidModel

LIMITS = ArchiveLimits(members=100)


def archive(members: int, comment: bytes = b"") -> bytearray:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for number in range(members):
            member = zipfile.ZipInfo(str(number))
            member.comment = comment
            made.writestr(member, b"")
    return bytearray(out.getvalue())


def test_members_are_counted_before_the_directory_is_parsed() -> None:
    data = archive(300)
    last = data.rindex(b"PK\x01\x02")
    data[last + 6] = 200  # the last entry is of no version that is known: who parses them all finds it damaged
    with pytest.raises(InvalidModel, match="has 300 members; at most 100"):
        take_census(io.BytesIO(data), LIMITS)


def test_a_directory_longer_than_its_members_need_is_not_read() -> None:
    with pytest.raises(InvalidModel, match=r"list of members has \d+ bytes"):
        take_census(io.BytesIO(archive(40, b"x" * 60_000)), LIMITS)


def test_as_many_members_as_are_allowed_are_accepted() -> None:
    assert len(take_census(io.BytesIO(archive(100)), LIMITS) or ()) == 100
