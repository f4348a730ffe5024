"""A camera's packets as the decoder's child hands them on: fragmented MP4, cut into its fragments.

One fragment is some pictures as they came, not decoded (ISO/IEC 14496-12, 8.8). What one video track needs is read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from registry.streams.loss import Reason, SourceLost
from registry.streams.mp4_boxes import HEAD, boxes, find, number

MOST_BYTES = 64 << 20  # of one fragment
_NOT_SYNC = 0x0001_0000
_CODECS = {
    b"avc1": "h264",
    b"avc3": "h264",
    b"hvc1": "h265",
    b"hev1": "h265",
    b"mp4v": "mjpeg",
    b"jpeg": "mjpeg",
    b"vp09": "vp9",
    b"av01": "av1",
}


@dataclass(frozen=True, slots=True)
class Header:
    """What comes before the first fragment; fragments of headers with equal `parameters` can be joined."""

    data: bytes = field(repr=False)
    timescale: int  # ticks a second
    codec: str
    parameters: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Fragment:
    """Some pictures, moof and mdat; times in ticks since the connection began."""

    data: bytearray = field(repr=False)
    start: int
    duration: int
    is_key: bool  # it can be decoded without what came before
    pictures: int
    time_at: int  # where in `data` its start is written
    time_size: int

    def at(self, start: int) -> bytes:
        """The same fragment at another time."""
        moved = bytearray(self.data)
        moved[self.time_at : self.time_at + self.time_size] = start.to_bytes(self.time_size)
        return bytes(moved)


class FragmentSplitter:
    """Cuts what arrives on the pipe; keeps what is not whole yet."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._ftyp = b""
        self._moof: bytearray | None = None

    def feed(self, data: bytes) -> Iterator[Header | Fragment]:
        """Everything that is whole by now. Raises SourceLost(GARBAGE) for what is no fragmented MP4."""
        self._rest += data
        end = 0
        for box in boxes(self._rest):
            end = box.end
            content = self._rest[box.start : box.end]
            if box.kind == b"ftyp":
                self._ftyp, self._moof = bytes(content), None
            elif box.kind == b"moov":
                yield read_header(self._ftyp + bytes(content))
            elif box.kind == b"moof":
                self._moof = content
            elif box.kind == b"mdat" and self._moof is not None:
                yield read_fragment(self._moof + content)
                self._moof = None
        del self._rest[:end]
        if len(self._rest) > HEAD and not HEAD <= number(self._rest, 0) <= MOST_BYTES:
            raise SourceLost(Reason.GARBAGE, "the recording's packets cannot be read")


def read_header(data: bytes) -> Header:
    """Of ftyp and moov. Raises SourceLost(GARBAGE)."""
    mdhd = find(data, b"moov", b"trak", b"mdia", b"mdhd")
    stsd = find(data, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
    if mdhd is None or stsd is None:
        raise SourceLost(Reason.GARBAGE, "the recording has no video track")
    timescale = number(data, mdhd.body + (20 if data[mdhd.body] else 12))
    kind = bytes(data[stsd.body + 12 : stsd.body + 16])
    if not timescale:
        raise SourceLost(Reason.GARBAGE, "the recording has no clock")
    return Header(data, timescale, _CODECS.get(kind, kind.decode("latin-1").strip()), data[stsd.start : stsd.end])


def read_fragment(data: bytearray) -> Fragment:
    """Of moof and mdat. Raises SourceLost(GARBAGE)."""
    tfhd, tfdt = find(data, b"moof", b"traf", b"tfhd"), find(data, b"moof", b"traf", b"tfdt")
    traf = find(data, b"moof", b"traf")
    if tfhd is None or tfdt is None or traf is None:
        raise SourceLost(Reason.GARBAGE, "a part of the recording cannot be read")
    duration, flags = _defaults(data, tfhd.body)
    total = pictures = 0
    first: int | None = None
    for run in (box for box in boxes(data, traf.body, traf.end) if box.kind == b"trun"):
        ticks, count, run_flags = _run(data, run.body, run.end, duration, flags)
        total, pictures = total + ticks, pictures + count
        first = run_flags if first is None else first
    size = 8 if data[tfdt.body] else 4
    at = tfdt.body + 4
    return Fragment(data, number(data, at, size), total, not (first or 0) & _NOT_SYNC, pictures, at, size)


def _defaults(data: bytearray, body: int) -> tuple[int, int]:
    """Duration and flags of a picture for which its run says nothing (8.8.7)."""
    has = number(data, body + 1, 3)
    at = body + 8 + 8 * bool(has & 1) + 4 * bool(has & 2)
    duration = number(data, at) if has & 8 else 0
    at += 4 * bool(has & 8) + 4 * bool(has & 0x10)
    return duration, number(data, at) if has & 0x20 else 0


def _run(data: bytearray, body: int, end: int, duration: int, flags: int) -> tuple[int, int, int]:
    """Ticks, pictures and the first picture's flags of one run (8.8.8)."""
    has, count = number(data, body + 1, 3), number(data, body + 4)
    at = body + 8 + 4 * bool(has & 1)
    first = number(data, at) if has & 4 else None
    at += 4 * bool(has & 4)
    width = 4 * sum(bool(has & bit) for bit in (0x100, 0x200, 0x400, 0x800))
    if at + count * width > end:
        raise SourceLost(Reason.GARBAGE, "a part of the recording is cut off")
    if first is None and has & 0x400 and count:
        first = number(data, at + 4 * bool(has & 0x100) + 4 * bool(has & 0x200))
    ticks = sum(number(data, at + each * width) for each in range(count)) if has & 0x100 else count * duration
    return ticks, count, flags if first is None else first
