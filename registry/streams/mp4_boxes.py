"""Boxes of MP4 files (ISO/IEC 14496-12), read from bytes."""

from collections.abc import Iterator
from dataclasses import dataclass

HEAD = 8


@dataclass(frozen=True, slots=True)
class Box:
    """Where a box lies in the bytes it was read from: all of it, and what is after its head."""

    kind: bytes
    start: int
    body: int
    end: int


def boxes(data: bytes | bytearray, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Every whole box between two places; ends at the first that is cut off or cannot be one."""
    end = len(data) if end is None else end
    while start + HEAD <= end:
        size, kind, body = int.from_bytes(data[start : start + 4]), bytes(data[start + 4 : start + 8]), start + HEAD
        if size == 1 and start + 16 <= end:
            size, body = int.from_bytes(data[start + 8 : start + 16]), start + 16
        if size < body - start or start + size > end:
            return
        yield Box(kind, start, body, start + size)
        start += size


def find(data: bytes | bytearray, *path: bytes) -> Box | None:
    """The first box of each name inside the one before, from the top."""
    found, start, end = None, 0, len(data)
    for name in path:
        found = next((box for box in boxes(data, start, end) if box.kind == name), None)
        if found is None:
            return None
        start, end = found.body, found.end
    return found


def number(data: bytes | bytearray, at: int, size: int = 4) -> int:
    """An unsigned number."""
    return int.from_bytes(data[at : at + size])
