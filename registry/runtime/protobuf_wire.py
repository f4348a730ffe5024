"""The fields of a protobuf message, read from its bytes without building an object of any of them."""

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_LAST_TAG = (1 << 32) - 1
_VARINT_BYTES = 10


class CutOff(ValueError):
    """The last field of a message says that it is longer than what is there."""

    def __init__(self, number: int, wire: int, place: int) -> None:
        super().__init__(f"the field at byte {place} is cut off")
        self.field = number, wire


def fields(data: bytes, place: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(number, wire type, start, stop) of each field of the message in data[place:end]; what it holds is skipped.

    Raises ValueError where the bytes are no message; groups, which nothing here writes, are none.
    CutOff is one where a field goes on beyond the end.
    """
    while place < end:
        tag, start = _varint(data, place, end)
        number, wire = tag >> 3, tag & 7
        if not number or tag > _LAST_TAG:
            raise ValueError(f"byte {place} begins no field")
        if wire == BYTES:
            length, start = _varint(data, start, end)
            stop = start + length
        elif wire == VARINT:
            _, stop = _varint(data, start, end)
        elif wire == FIXED32:
            stop = start + 4
        elif wire == FIXED64:
            stop = start + 8
        else:
            raise ValueError(f"byte {place} begins a field of wire type {wire}")
        if stop > end:
            raise CutOff(number, wire, place)
        yield number, wire, start, stop
        place = stop


def _varint(data: bytes, place: int, end: int) -> tuple[int, int]:
    """A number and the place behind it."""
    if place < end and data[place] < 0x80:
        return data[place], place + 1
    value = 0
    for index, byte in enumerate(data[place : min(place + _VARINT_BYTES, end)]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, place + index + 1
    raise ValueError(f"the number at byte {place} has no end")
