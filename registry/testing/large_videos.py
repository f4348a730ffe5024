"""A video of more than four GiB that takes hardly any room: a hole lies between its head and its pictures."""

from pathlib import Path

from registry.streams.mp4_boxes import Box, find, number

_WAY = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


def beyond_4_gib(late_index: Path, target: Path, hole: int = (4 << 30) + (300 << 20)) -> Path:
    """An MP4 whose index is at its end, with so many bytes of nothing before its pictures.

    Places in the file are then numbers of 64 bits, as in every MP4 of that size (`co64`, ISO/IEC 14496-12, 8.7.5).
    """
    data = bytearray(late_index.read_bytes())
    head, moov = _found(data, b"ftyp"), _found(data, b"moov")
    with target.open("wb") as file:
        file.write(data[: head.end])
        file.write((1).to_bytes(4) + b"free" + hole.to_bytes(8))
        file.seek(head.end + hole)
        file.write(data[head.end : moov.start])
        file.write(_moved(bytes(data[moov.start : moov.end]), hole))
    return target


def _moved(moov: bytes, by: int) -> bytes:
    """The index with every place moved on."""
    data = bytearray(moov)
    places = _found(data, *_WAY, b"stco")
    above = [_found(data, *_WAY[: depth + 1]) for depth in range(len(_WAY))]
    count = number(data, places.body + 4)
    table = b"".join((number(data, places.body + 8 + 4 * each) + by).to_bytes(8) for each in range(count))
    wide = (16 + 8 * count).to_bytes(4) + b"co64" + bytes(4) + count.to_bytes(4) + table
    grown = len(wide) - (places.end - places.start)
    for box in above:
        data[box.start : box.start + 4] = (box.end - box.start + grown).to_bytes(4)
    data[places.start : places.end] = wide
    return bytes(data)


def _found(data: bytearray, *path: bytes) -> Box:
    box = find(data, *path)
    if box is None:
        raise ValueError(f"the file has no {path[-1]!r}")
    return box
