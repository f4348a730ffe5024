"""JPEG pictures cut from the multipart body of an MJPEG stream."""

from collections.abc import Iterator

from registry.streams.loss import Reason, SourceLost

MAX_PICTURE = 16 << 20
_MAX_HEAD = 8_192
_MOST_BAD = 30  # parts running, each without a picture
_JPEG = b"\xff\xd8\xff"


def boundary_of(content_type: str) -> bytes:
    """The delimiter that a `Content-Type` names. Raises SourceLost(GARBAGE) for what is no MJPEG stream."""
    kind, _, rest = content_type.partition(";")
    if kind.strip().lower() not in {"multipart/x-mixed-replace", "multipart/mixed"}:
        raise SourceLost(Reason.GARBAGE, f"it answers with {kind.strip()[:60] or 'no type'}, not with an MJPEG stream")
    for parameter in rest.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "boundary" and value.strip('"'):
            return b"--" + value.strip('"').removeprefix("--").encode("latin-1")
    raise SourceLost(Reason.GARBAGE, "its MJPEG stream names no boundary")


class MultipartSplitter:
    """Cuts parts by their length, or by the next delimiter where none is said; passes over what is no JPEG."""

    def __init__(self, boundary: bytes) -> None:
        self._boundary = boundary
        self._buffer = bytearray()
        self._running = 0  # bad parts since the last good one

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Every picture that is whole by now. Raises SourceLost(GARBAGE) where only other things come."""
        self._buffer += data
        while (part := self._part()) is not None:
            if part.startswith(_JPEG):
                self._running = 0
                yield part
            else:
                self._skip()

    def _part(self) -> bytes | None:
        start = self._buffer.find(self._boundary)
        if start < 0:
            self._check_size(_MAX_HEAD, "no delimiter comes")
            return None
        head_start = start + len(self._boundary)
        head_end = self._buffer.find(b"\r\n\r\n", head_start)
        if head_end < 0:
            self._check_size(start + _MAX_HEAD, "a part without an end of its headers")
            return None
        length = _length(bytes(self._buffer[head_start:head_end]))
        body = head_end + 4
        end = body + length if length is not None else self._buffer.find(self._boundary, body)
        if end < 0 or end > len(self._buffer):
            self._check_size(body + MAX_PICTURE, "a picture without an end")
            return None
        part = bytes(self._buffer[body:end])
        del self._buffer[:end]
        return part

    def _skip(self) -> None:
        self._running += 1
        if self._running >= _MOST_BAD:
            raise SourceLost(Reason.GARBAGE, "its parts are no JPEG pictures")

    def _check_size(self, most: int, otherwise: str) -> None:
        if len(self._buffer) > most:
            raise SourceLost(Reason.GARBAGE, otherwise)


def _length(head: bytes) -> int | None:
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-length":
            if not value.strip().isdecimal() or int(value) > MAX_PICTURE:
                raise SourceLost(Reason.GARBAGE, "a picture whose length cannot be right")
            return int(value)
    return None
