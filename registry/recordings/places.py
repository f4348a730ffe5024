"""Where the bytes of a segment lie: a file of this host, or an object in the storage."""

import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import copyfileobj

from registry.errors import ObjectNotFound, RecordingNotFound
from registry.records import RecordingSegment
from registry.records.segments import STORED
from registry.storage import Storage

_UNUSED_S = 3_600.0


class Places:
    """Files below one folder of a host, this one if none is named, objects in one storage."""

    def __init__(
        self, folder: Path, storage: Storage, host: str = "", monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder = folder
        self.storage = storage
        self.host = host or socket.gethostname()[:255]
        self._monotonic = monotonic
        self._seen: dict[Path, tuple[float, float]] = {}  # in the scratch: a time, since when

    def local(self, record: RecordingSegment) -> Path | None:
        """The file on this host, if it is here."""
        if record.path.startswith(STORED):
            return None
        path = self.folder / record.path
        return path if path.is_file() else None

    def is_elsewhere(self, record: RecordingSegment) -> bool:
        """Whether it is a file that only another host can delete."""
        is_file = not record.path.startswith(STORED) and self.local(record) is None
        return is_file and record.host not in {"", self.host}

    @contextmanager
    def file(self, record: RecordingSegment) -> Iterator[Path]:
        """A file to read, for as long as it is needed. Raises RecordingNotFound, StorageUnavailable."""
        path = self.local(record)
        if path is not None:
            yield path
            return
        if not record.path.startswith(STORED):
            raise RecordingNotFound(f"the file of recording {record.id} is on another host, or gone")
        self.scratch.mkdir(parents=True, exist_ok=True)
        copy = self.scratch / f"{secrets.token_hex(8)}.mp4"  # closed before it is given: thousands may be at once
        try:
            with self.storage.open(record.path) as source, copy.open("xb") as target:
                copyfileobj(source, target)
        except ObjectNotFound as error:
            raise RecordingNotFound(f"the file of recording {record.id} is gone") from error
        try:
            yield copy
        finally:
            copy.unlink(missing_ok=True)

    @property
    def scratch(self) -> Path:
        """Folder for what is made and deleted again; no camera has that id."""
        return self.folder / ".scratch"

    def tidy(self) -> None:
        """Remove what was made and not used for an hour: whoever made it is gone.

        The hour is told by the monotonic clock, from the first look at a file on: the other one may be set.
        """
        now, before, seen = self._monotonic(), self._seen, dict[Path, tuple[float, float]]()
        for path in self.scratch.rglob("*"):
            with suppress(OSError):
                if not path.is_file():
                    continue
                used_at = path.stat().st_mtime
                known = before.get(path)
                since = known[1] if known is not None and known[0] == used_at else now
                if now - since > _UNUSED_S:
                    path.unlink()
                else:
                    seen[path] = (used_at, since)
        self._seen = seen

    def remove(self, record: RecordingSegment) -> None:
        """Delete the bytes; nothing there is no error. Raises OSError, StorageUnavailable."""
        if record.path.startswith(STORED):
            self.storage.delete(record.path)
            return
        path = self.folder / record.path
        path.unlink(missing_ok=True)
        above = path.parent
        with suppress(OSError):  # not empty
            while above != self.folder:
                above.rmdir()
                above = above.parent
