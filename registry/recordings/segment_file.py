"""One segment of a recording in a file: fragmented MP4, whole up to its last fragment whatever happens."""

import os
from pathlib import Path
from typing import BinaryIO

from registry.errors import InvalidInput
from registry.streams.fragments import Fragment, Header, read_fragment, read_header
from registry.streams.loss import SourceLost
from registry.streams.mp4_boxes import HEAD, find, number

PART = ".part"
_MOST_HEADER = 1 << 20


class SegmentFile:
    """Written under a name that ends in `.part` until it is finished."""

    def __init__(self, path: Path, header: Header) -> None:
        """Raises OSError."""
        self.path = path
        self.header = header
        self.first: int | None = None
        self.end = 0  # ticks since `first`
        self.size = len(header.data)
        self._part = path.with_name(path.name + PART)
        self._file = _create(self._part)
        try:
            self._write(header.data)
        except OSError:
            self.discard()
            raise

    @property
    def duration_s(self) -> float:
        """Seconds of video in it."""
        return self.end / self.header.timescale

    def append(self, fragment: Fragment) -> None:
        """Add a fragment that follows the last one. Raises OSError; the file then ends before it."""
        first = fragment.start if self.first is None else self.first
        try:
            self._write(fragment.at(fragment.start - first))
        except OSError:
            self._file.truncate(self.size)
            raise
        self.first = first
        self.end = fragment.start + fragment.duration - first
        self.size += len(fragment.data)

    def finish(self) -> None:
        """Write down how long it is, make it safe, give it its name. Raises OSError."""
        self._file.seek(0)
        self._write(with_duration(self.header, self.end))
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self.path)
        _sync_folder(self.path.parent)

    def discard(self) -> None:
        """Leave nothing."""
        self._file.close()
        self._part.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]


def with_duration(header: Header, ticks: int) -> bytes:
    """The header of a file that lasts so many ticks of its timescale (8.2.2, 8.3.2, 8.4.2)."""
    data = bytearray(header.data)
    movie = find(data, b"moov", b"mvhd")
    if movie is None:
        return header.data
    scale = number(data, movie.body + (20 if data[movie.body] else 12))
    in_movie = ticks * scale // header.timescale
    places = (
        ((b"mvhd",), 24, 16, in_movie),
        ((b"trak", b"tkhd"), 28, 20, in_movie),
        ((b"trak", b"mdia", b"mdhd"), 24, 16, ticks),
    )
    for path, long, short, value in places:
        box = find(data, b"moov", *path)
        if box is not None:
            at, size = (box.body + long, 8) if data[box.body] else (box.body + short, 4)
            data[at : at + size] = min(value, (1 << 8 * size) - 1).to_bytes(size)
    return bytes(data)


class SegmentReader:
    """The fragments of a segment's file with their places, read without their pictures."""

    def __init__(self, path: Path) -> None:
        """Raises InvalidInput for what is no segment, OSError."""
        self.path = path
        self.fragments: list[tuple[int, int, Fragment]] = []  # place, size, fragment without mdat
        self.whole = 0  # bytes up to the end of the last whole fragment
        with path.open("rb") as file:
            try:
                self.header = self._read(file, path.stat().st_size)
            except SourceLost as error:
                raise InvalidInput(f"{path.name} is no recording") from error

    @property
    def duration_s(self) -> float:
        """Seconds of video in it."""
        if not self.fragments:
            return 0.0
        last = self.fragments[-1][2]
        return (last.start + last.duration - self.fragments[0][2].start) / self.header.timescale

    def _read(self, file: BinaryIO, size: int) -> Header:
        header, moof, moof_at, at = b"", b"", 0, 0
        found: Header | None = None
        while at + HEAD <= size:
            file.seek(at)
            head = file.read(HEAD)
            length, kind = number(head, 0), head[4:8]
            if length < HEAD or at + length > size:
                break
            if kind in {b"ftyp", b"moov"} and length <= _MOST_HEADER:
                header += head + file.read(length - HEAD)
                found = read_header(header) if kind == b"moov" else found
            elif kind == b"moof" and length <= _MOST_HEADER:
                moof, moof_at = head + file.read(length - HEAD), at
            elif kind == b"mdat" and moof:
                self.fragments.append((moof_at, at + length - moof_at, read_fragment(bytearray(moof))))
                self.whole, moof = at + length, b""
            at += length
        if found is None:
            raise InvalidInput(f"{self.path.name} is no recording")
        return found


def repair(part: Path) -> SegmentReader | None:
    """Make a segment that was being written when everything stopped a whole one; None and no file if it has nothing.

    Raises OSError.
    """
    try:
        segment = SegmentReader(part)
    except InvalidInput:
        segment = None
    if segment is None or not segment.fragments:
        part.unlink(missing_ok=True)
        return None
    ticks = round(segment.duration_s * segment.header.timescale)
    with part.open("r+b", buffering=0) as file:
        file.truncate(segment.whole)
        file.write(with_duration(segment.header, ticks))
        os.fsync(file.fileno())
    path = part.with_name(part.name.removesuffix(PART))
    part.replace(path)
    segment.path = path
    return segment


def _create(path: Path) -> BinaryIO:
    """A new file; a cleaner may remove the folder, while it is empty, just as it is about to be used."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return path.open("wb", buffering=0)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb", buffering=0)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
