"""What every storage does, wherever its files lie."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol

Content = bytes | Iterable[bytes]


@dataclass(frozen=True, slots=True)
class Draft:
    """What is left of a `put` that never ended: where it was to go, its bytes, and the place's name for it."""

    key: str
    size: int
    name: str


class Storage(Protocol):
    """Files by keys such as `results/ab12/image.jpg`; a file is there whole or not at all.

    Every method raises InvalidInput for a key that is none and StorageUnavailable when the place does not answer.
    """

    def put(self, key: str, content: Content) -> int:
        """Store bytes or a stream of them, replacing what was there; returns how many."""

    def get(self, key: str) -> bytes:
        """The bytes under a key. Raises ObjectNotFound, IntegrityError."""

    def open(self, key: str) -> BinaryIO:
        """A binary file to read from. Raises ObjectNotFound, IntegrityError."""

    def open_in_parts(self, key: str) -> BinaryIO:
        """A binary file of which only what is read is fetched, compared with nothing. Raises ObjectNotFound."""

    def exists(self, key: str) -> bool:
        """Whether something is stored under the key."""

    def size(self, key: str) -> int:
        """How many bytes are stored under the key. Raises ObjectNotFound."""

    def delete(self, key: str) -> None:
        """Remove what is stored under the key; nothing there is no error."""

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Every key that begins with the prefix, sorted."""

    def drafts(self, before: datetime) -> Iterator[Draft]:
        """What puts that began before a moment left, as a process that was killed does."""

    def discard(self, draft: Draft) -> None:
        """Remove a draft; one that is gone is no error."""

    def url(self, key: str) -> str:
        """An address from which the file can be read, for a while where it needs a permission."""

    def check(self) -> None:
        """Raise StorageUnavailable, soon, unless a file can be written and deleted."""


def chunks(content: Content) -> Iterable[bytes]:
    """The content as a stream."""
    return (content,) if isinstance(content, bytes) else content
