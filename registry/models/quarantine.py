"""Where a file waits that nobody has looked at yet: a folder of its own in the home, bounded and swept."""

import hashlib
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from registry.access.live import Live
from registry.errors import InvalidModel, QuotaExceeded, RegistryError, StorageUnavailable, UploadTooLarge
from registry.settings import Settings

CHUNK_BYTES = 1 << 20
RESERVE_BYTES = 256 << 20  # stays free on the disk, so that the platform goes on
_FILE = "model"


@dataclass(frozen=True, slots=True)
class Room:
    """How much more somebody may keep here, of how much in all."""

    bytes: int
    quota_mb: int
    beside: Callable[[], int] = lambda: 0  # bytes of it that what they send at the same time has taken by now

    def refusal(self) -> QuotaExceeded:
        """What is told to who sends more."""
        return QuotaExceeded(
            f"the file does not fit into your quota of {self.quota_mb:,} MiB: {self.bytes >> 20:,} MiB of it are free",
            details={"quota_mb": self.quota_mb, "free_bytes": self.bytes},
        )


@dataclass(frozen=True, slots=True)
class Received:
    """A complete file in quarantine: its folder's name is its id."""

    path: Path
    sha256: str
    size_bytes: int

    @property
    def id(self) -> str:
        """What the file is called while it is on its way."""
        return self.path.parent.name

    def said(self) -> str:
        """Its size and the beginning of its sha256."""
        return f"{self.size_bytes:,} bytes, sha256 {self.sha256[:12]}…"


class Arriving:
    """A file on its way into a folder of its own: counted, hashed and bounded while it is written."""

    def __init__(self, folder: Path, most_bytes: int, room: Room | None) -> None:
        self.id = folder.name
        self.size_bytes = 0
        self._folder = folder
        self._most, self._room = most_bytes, room
        self._digest = hashlib.sha256()
        with _kept(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = (folder / _FILE).open("wb")

    def write(self, chunk: bytes) -> None:
        """The next piece. Raises UploadTooLarge or QuotaExceeded, StorageUnavailable; all is gone then."""
        self.size_bytes += len(chunk)
        refusal = self._refusal()
        if refusal is not None:
            self.discard()
            raise refusal
        with _kept(self._folder):
            check_room(self._folder, len(chunk))
            self._file.write(chunk)
        self._digest.update(chunk)

    def _refusal(self) -> RegistryError | None:
        """Why it may not be as large as it is now."""
        room = self._room
        if room is not None and self.size_bytes + room.beside() > room.bytes:
            return room.refusal()
        if self.size_bytes > self._most:
            return UploadTooLarge(f"the file has more than {self._most >> 20} MiB, which is the limit")
        return None

    def take(self, chunks: Iterable[bytes]) -> None:
        """`write` for each piece of a source. Raises StorageUnavailable also when the source breaks off."""
        try:
            for chunk in chunks:
                self.write(chunk)
        except OSError as error:
            raise StorageUnavailable(
                f"the file did not arrive whole: {error.strerror or error}", hint="Send it again."
            ) from error

    def complete(self) -> Received:
        """The whole file is here. Raises StorageUnavailable."""
        with _kept(self._folder):
            self._file.close()
        return Received(self._folder / _FILE, self._digest.hexdigest(), self.size_bytes)

    def discard(self) -> None:
        """Forget it; nothing stays."""
        with suppress(OSError):  # what a full disk did not take goes, too
            self._file.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class Quarantine:
    """The quarantine of one home."""

    def __init__(self, settings: Settings, live: Live) -> None:
        self.root = settings.home / "quarantine"
        self._live = live

    def new_folder(self) -> Path:
        """Where the next file will lie; it is not made yet."""
        return self.root / uuid.uuid4().hex

    def open(self, room: Room | None = None, folder: Path | None = None) -> Arriving:
        """A new file, to be written piece by piece; `room` is what its sender may still keep here.

        Raises StorageUnavailable.
        """
        return Arriving(folder or self.new_folder(), self._live.current().upload_max_mb << 20, room)

    def receive(self, chunks: Iterable[bytes], room: Room | None = None, folder: Path | None = None) -> Received:
        """Write what arrives to a folder, a new one if none is named, counting and hashing it.

        Raises UploadTooLarge, QuotaExceeded, StorageUnavailable (the disk is full); what had arrived is gone then.
        """
        arriving = self.open(room, folder)
        try:
            arriving.take(chunks)
            return arriving.complete()
        except BaseException:  # also when the sender goes away half-way
            arriving.discard()
            raise

    def adopt(self, file: Path, sha256: str, folder: Path) -> Received:
        """Take in a file of this home that is complete already. Raises StorageUnavailable."""
        with _kept(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.move(file, folder / _FILE)
            return Received(folder / _FILE, sha256, (folder / _FILE).stat().st_size)

    def discard(self, upload_id: str) -> None:
        """Remove a file with its folder."""
        shutil.rmtree(self.root / upload_id, ignore_errors=True)


def check_room(folder: Path, more_bytes: int) -> None:
    """Raise StorageUnavailable unless the disk takes so many bytes more and keeps its reserve."""
    if shutil.disk_usage(folder).free < RESERVE_BYTES + more_bytes:
        raise StorageUnavailable("the disk of this platform is full", hint="Ask an administrator for space.")


@contextmanager
def _kept(folder: Path) -> Iterator[None]:
    """What the disk refuses becomes StorageUnavailable, and the folder goes."""
    try:
        yield
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise StorageUnavailable(
            f"the file could not be kept: {error.strerror or error}", hint="Free some space and send it again."
        ) from error
    except StorageUnavailable:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def chunks_of(model: bytes | Path | IO[bytes], most_mb: int) -> Iterator[bytes]:
    """Bytes, a file by its path or an open file, piece by piece. Raises InvalidModel, UploadTooLarge."""
    if isinstance(model, bytes):
        yield from (model[place : place + CHUNK_BYTES] for place in range(0, len(model), CHUNK_BYTES))
        return
    if isinstance(model, Path):
        if not model.is_file():
            raise InvalidModel(f"{model} is not a file")
        if model.stat().st_size > most_mb << 20:
            raise UploadTooLarge(f"{model.name} has {model.stat().st_size >> 20} MiB, the limit is {most_mb} MiB")
        with model.open("rb") as file:
            yield from chunks_of(file, most_mb)
        return
    while chunk := model.read(CHUNK_BYTES):
        yield chunk
