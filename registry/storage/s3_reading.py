"""Objects of an S3 service on their way here: whole into a file, or only the stretches that are read."""

import hashlib
import io
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, cast

from registry.errors import IntegrityError
from registry.storage.scratch import room_for

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

DIGEST = "sha256"  # in an object's metadata
_CHUNK = 1 << 20
_FIRST_WINDOW, _LARGEST_WINDOW = 256 << 10, 8 << 20


class Fetching:
    """An object on its way into a file, by as many transfers as it takes."""

    def __init__(self, client: Any, place: dict[str, str], file: IO[bytes], key: str) -> None:
        self._client, self._place, self._file, self._key, self._etag = client, place, file, key, ""

    def go_on(self) -> str:
        """Fetch what is still missing; returns the digest that the object was stored with, if it has one."""
        head = self._client.head_object(**self._place)
        if head["ETag"] != self._etag:
            self._file.seek(0)
            self._file.truncate()
            self._etag = head["ETag"]
        begun = self._file.tell()
        if begun < head["ContentLength"]:
            answer = self._client.get_object(**self._place, Range=f"bytes={begun}-", IfMatch=self._etag)
            for chunk in answer["Body"].iter_chunks(_CHUNK):
                with room_for(self._key):  # a full disk here is no service that does not answer
                    self._file.write(chunk)
        return str(head["Metadata"].get(DIGEST, ""))


class Windows(io.RawIOBase):
    """An object of which only the stretches that are read are fetched; who reads on gets longer ones.

    `fetch(begin, end)` gives the bytes of one stretch.
    """

    def __init__(self, size: int, fetch: Callable[[int, int], bytes]) -> None:
        self._size, self._fetch = size, fetch
        self._at = self._begin = 0
        self._held, self._next = b"", _FIRST_WINDOW

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is, and nothing is fetched for it."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go there. Raises ValueError before the beginning."""
        at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if at < 0:
            raise ValueError(f"there is nothing {-at} bytes before the beginning")
        self._at = at
        return at

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read some bytes from here on; 0 at the end. Raises as the fetch does."""
        if self._at >= self._size:
            return 0
        held_to = self._begin + len(self._held)
        if not self._begin <= self._at < held_to:
            self._move(reads_on=self._at == held_to)
        place = memoryview(buffer).cast("B")
        piece = self._held[self._at - self._begin :][: len(place)]
        place[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _move(self, *, reads_on: bool) -> None:
        self._next = min(self._next * 2, _LARGEST_WINDOW) if reads_on and self._held else _FIRST_WINDOW
        self._held = self._fetch(self._at, min(self._at + self._next, self._size))
        self._begin = self._at


def compare(key: str, file: IO[bytes], digest: str) -> None:
    """Rewind a file that has the digest. Raises IntegrityError when it has another; none is not compared."""
    file.seek(0)
    found = hashlib.file_digest(cast(Any, file), "sha256").hexdigest()
    if digest and found != digest:
        raise IntegrityError(f"{key} was stored with SHA-256 {digest[:12]}… and came back with {found[:12]}…")
    file.seek(0)
