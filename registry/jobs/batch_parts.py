"""What a batch has finished: one line of JSON an image, in parts that are stored as it goes on."""

import time
from collections.abc import Iterator
from typing import Any

import orjson

from registry.jobs.files import JobFiles

_FLUSH_S = 2.0
_FLUSH_LINES = 500


class Parts:
    """The finished images of one batch, in their order. A part is there whole or not at all.

    A run that dies loses at most what it finished in the last seconds; the next goes on behind the last part.
    """

    def __init__(self, files: JobFiles) -> None:
        self._files = files
        self._lines: list[bytes] = []
        self._flushed_at = time.monotonic()
        self.end = self._first = max((_range_of(name)[1] for name in self._names()), default=0)

    def add(self, line: dict[str, Any]) -> None:
        """The next image's answer, or why there is none."""
        self._lines.append(orjson.dumps(line, default=str))
        self.end += 1
        if len(self._lines) >= _FLUSH_LINES or time.monotonic() - self._flushed_at >= _FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Store what is finished. Raises StorageUnavailable."""
        if self._lines:
            self._files.put("parts", f"{self._first:08d}-{self.end:08d}.jsonl", b"\n".join(self._lines) + b"\n")
        self._lines, self._first, self._flushed_at = [], self.end, time.monotonic()

    def lines(self) -> Iterator[list[bytes]]:
        """The stored answers as JSON, part by part."""
        next_index = 0
        for name in self._names():
            first, end = _range_of(name)
            lines = self._files.get("parts", name).splitlines()
            if end > next_index:  # a run that was taken for dead may have stored some once more
                yield lines[max(next_index - first, 0) :]
                next_index = end

    def keep_picture(self, index: int, jpeg: bytes) -> None:
        """Store an image's picture; it belongs to the part that tells of it."""
        self._files.put("parts", f"{index:08d}.jpg", jpeg)

    def pictures(self) -> Iterator[tuple[int, bytes]]:
        """The stored pictures of finished images."""
        for name in self._files.names("parts"):
            if name.endswith(".jpg") and int(name[:8]) < self.end:
                yield int(name[:8]), self._files.get("parts", name)

    def _names(self) -> list[str]:
        return [name for name in self._files.names("parts") if name.endswith(".jsonl")]


class Collected:
    """The answers of a stretch of a batch, for whoever writes down the whole."""

    def __init__(self, files: JobFiles, first: int) -> None:
        self._files = files
        self.lines: list[dict[str, Any]] = []
        self.end = first

    def add(self, line: dict[str, Any]) -> None:
        """The next image's answer, or why there is none."""
        self.lines.append(line)
        self.end += 1

    def flush(self) -> None:
        """Nothing: they are handed over."""

    def keep_picture(self, index: int, jpeg: bytes) -> None:
        """Store an image's picture with the job."""
        self._files.put("parts", f"{index:08d}.jpg", jpeg)


def _range_of(name: str) -> tuple[int, int]:
    first, _, end = name.removesuffix(".jsonl").partition("-")
    return int(first), int(end)
