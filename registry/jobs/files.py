"""A job's files in the storage: what it was given, what is finished so far, its results."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from registry.errors import Unavailable
from registry.storage import Storage


@dataclass(frozen=True, slots=True)
class JobFiles:
    """The files of one job, by names of our own making."""

    storage: Storage
    job_id: str

    def key(self, folder: str, name: str) -> str:
        """The storage key of a file; `folder` is input, parts or results."""
        return f"jobs/{self.job_id}/{folder}/{name}"

    def put(self, folder: str, name: str, content: bytes | Iterable[bytes]) -> int:
        """Store a file whole; returns its bytes. Raises StorageUnavailable."""
        return self.storage.put(self.key(folder, name), content)

    def get(self, folder: str, name: str) -> bytes:
        """A file's bytes. Raises ObjectNotFound."""
        return self.storage.get(self.key(folder, name))

    def open(self, folder: str, name: str) -> BinaryIO:
        """A binary file to read from. Raises ObjectNotFound."""
        return self.storage.open(self.key(folder, name))

    def open_in_parts(self, folder: str, name: str) -> BinaryIO:
        """A binary file of which only what is read is fetched. Raises ObjectNotFound."""
        return self.storage.open_in_parts(self.key(folder, name))

    def names(self, folder: str) -> Iterator[str]:
        """The names of a folder's files, sorted."""
        prefix = self.key(folder, "")
        return (key.removeprefix(prefix) for key in self.storage.keys(prefix))

    def may_hold(self, folder: str) -> bool:
        """Whether anything is in a folder; also where the storage does not say."""
        try:
            return next(self.names(folder), None) is not None
        except Unavailable:
            return True

    def clear(self, *folders: str) -> None:
        """Remove folders with all that is in them."""
        for folder in folders:
            for name in list(self.names(folder)):
                self.storage.delete(self.key(folder, name))
