"""RTSP messages with the packets between them, cut from a stream of bytes."""

from collections.abc import Iterator
from dataclasses import dataclass

from registry.streams.loss import Reason, SourceLost

MAX_HEAD = 16_384
MAX_BODY = 262_144
_MAX_GARBAGE = 16_384
_DOLLAR = 0x24
_MOST_CHANNEL = 31
_METHODS = (
    *("OPTIONS", "DESCRIBE", "SETUP", "PLAY", "PAUSE", "TEARDOWN"),
    *("GET_PARAMETER", "SET_PARAMETER", "ANNOUNCE", "REDIRECT", "RECORD"),
)
_VERSION = b"RTSP/1."
_STARTS = (_VERSION, *(f"{method} ".encode("ascii") for method in _METHODS))


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer: first line, headers as they came, body."""

    first: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    @property
    def status(self) -> int:
        """The status of an answer, 0 for a request."""
        version, _, rest = self.first.partition(" ")
        code = rest.partition(" ")[0]
        return int(code) if version.startswith("RTSP/") and code.isdecimal() else 0

    def values(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for found, value in self.headers if found.lower() == name.lower()]

    def value(self, name: str) -> str:
        """The first value of a header, or nothing."""
        return next(iter(self.values(name)), "")

    def with_headers(self, **changed: str) -> "Message":
        """A copy with headers replaced (`_` stands for `-`); an empty value removes one."""
        names = {name.replace("_", "-").lower(): (name.replace("_", "-"), value) for name, value in changed.items()}
        kept = [(name, value) for name, value in self.headers if name.lower() not in names]
        added = [(name, value) for name, value in names.values() if value]
        return Message(self.first, (*kept, *added), self.body)

    def to_bytes(self) -> bytes:
        """As it goes over the wire."""
        lines = [self.first, *(f"{name}: {value}" for name, value in self.headers)]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


class Splitter:
    """Cuts what a peer sends into messages, and runs of interleaved packets that are handed on as they are.

    Counts pictures by the marker bit that ends each in RTP, and bytes of garbage between what it understands.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.pictures = 0
        self.garbage = 0

    def feed(self, data: bytes) -> Iterator[Message | bytes]:
        """Everything that is whole by now. Raises SourceLost(GARBAGE) for what is not RTSP."""
        self._buffer += data
        while self._buffer:
            if self._is_packet():
                end = self._packets()
                if not end:
                    return
                yield bytes(self._buffer[:end])
                del self._buffer[:end]
            elif any(self._buffer.startswith(start[: len(self._buffer)]) for start in _STARTS):
                message = self._message()
                if message is None:
                    return
                yield message
            else:
                self._skip()

    def _is_packet(self) -> bool:
        """Whether a packet of RTP or RTCP, version 2, begins here, as far as can be told by now."""
        buffer = self._buffer
        if buffer[0] != _DOLLAR or (len(buffer) > 1 and buffer[1] > _MOST_CHANNEL):
            return False
        return len(buffer) < 5 or buffer[2:4] == b"\0\0" or buffer[4] >> 6 == 2

    def _packets(self) -> int:
        """Where the last whole interleaved packet of the run ends."""
        buffer, at = self._buffer, 0
        while at + 4 <= len(buffer) and buffer[at] == _DOLLAR and buffer[at + 1] <= _MOST_CHANNEL:
            size = (buffer[at + 2] << 8) | buffer[at + 3]
            if at + 4 + size > len(buffer) or (size and buffer[at + 4] >> 6 != 2):
                break
            if size > 1 and not buffer[at + 1] & 1 and buffer[at + 5] & 0x80:
                self.pictures += 1
            at += 4 + size
        return at

    def _message(self) -> Message | None:
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            if len(self._buffer) > MAX_HEAD:
                raise SourceLost(Reason.GARBAGE, "a message without an end")
            return None
        first, *lines = bytes(self._buffer[:head_end]).decode("latin-1").split("\r\n")
        headers = tuple(
            (name.strip(), value.strip()) for name, colon, value in (line.partition(":") for line in lines) if colon
        )
        message = Message(first, headers)
        said = message.value("Content-Length") or "0"
        if not said.isdecimal() or int(said) > MAX_BODY:
            raise SourceLost(Reason.GARBAGE, "a message whose length cannot be right")
        end = head_end + 4 + int(said)
        if len(self._buffer) < end:
            return None
        body = bytes(self._buffer[head_end + 4 : end])
        del self._buffer[:end]
        return Message(first, headers, body)

    def _skip(self) -> None:
        """Drop bytes up to the next possible start, of which there may be the beginning only."""
        buffer = self._buffer
        cut_off = (len(buffer) - size for size in range(len(_VERSION) - 1, 0, -1) if buffer.endswith(_VERSION[:size]))
        found = [at for at in (buffer.find(b"$", 1), buffer.find(_VERSION, 1), *cut_off) if at > 0]
        end = min(found, default=len(buffer))
        self.garbage += end
        del self._buffer[:end]
        if self.garbage > _MAX_GARBAGE:
            raise SourceLost(Reason.GARBAGE, "what comes is no RTSP")
