"""Files by key in a local folder."""

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from registry.errors import ObjectNotFound, StorageUnavailable
from registry.storage.contract import Content, Draft, chunks
from registry.storage.keys import key_parts
from registry.storage.walk import files_below

_RESERVE = 256 << 20  # stays free on the disk, so that the platform goes on; only little things may use it
_LITTLE = 1 << 20
_DRAFT = re.compile(r"\.[0-9a-f]{16}")
_HINT = "Ask an administrator for space."


class LocalStorage:
    """The storage contract on one folder: a file is there whole or not at all."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, content: Content) -> int:
        """Store bytes or a stream of them, replacing what was there; returns how many.

        Raises InvalidInput for a key that is none, StorageUnavailable when the folder refuses.
        """
        path = self._path(key)
        draft = path.with_name(f".{secrets.token_hex(8)}")
        size = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("xb") as file:
                for chunk in chunks(content):
                    if size + len(chunk) > _LITTLE and shutil.disk_usage(path.parent).free < _RESERVE + len(chunk):
                        raise StorageUnavailable(f"{key} could not be stored: the disk is full", hint=_HINT)
                    size += file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as error:
            raise StorageUnavailable(f"{key} could not be stored: {error.strerror}") from error
        finally:
            with suppress(OSError):
                draft.unlink()
        return size

    def get(self, key: str) -> bytes:
        """The bytes under a key. Raises ObjectNotFound, StorageUnavailable."""
        with self.open(key) as file:
            return file.read()

    def open(self, key: str) -> BinaryIO:
        """A binary file to read from. Raises ObjectNotFound, StorageUnavailable."""
        try:
            return self._path(key).open("rb")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise ObjectNotFound(f"nothing is stored under {key!r}") from error
        except OSError as error:
            raise StorageUnavailable(f"{key} could not be read: {error.strerror}") from error

    def open_in_parts(self, key: str) -> BinaryIO:
        """As `open`. Raises ObjectNotFound, StorageUnavailable."""
        return self.open(key)

    def exists(self, key: str) -> bool:
        """Whether something is stored under the key."""
        return self._path(key).is_file()

    def size(self, key: str) -> int:
        """How many bytes are stored under the key. Raises ObjectNotFound, StorageUnavailable."""
        with self.open(key) as file:
            return file.seek(0, os.SEEK_END)

    def delete(self, key: str) -> None:
        """Remove what is stored under the key; nothing there is no error. Raises StorageUnavailable."""
        path = self._path(key)
        if path.is_dir():  # the beginning of other keys, not a key
            return
        try:
            path.unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise StorageUnavailable(f"{key} could not be deleted: {error.strerror}") from error

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Every key that begins with the prefix, sorted."""
        below = self._root / prefix.rpartition("/")[0]  # the rest of a large storage is not walked
        found = (
            path
            for path, about in files_below(below)
            if not path.name.startswith(".") and (S_ISREG(about.st_mode) or path.is_file())  # or a link to one
        )
        yield from sorted(key for path in found if (key := path.relative_to(self._root).as_posix()).startswith(prefix))

    def drafts(self, before: datetime) -> Iterator[Draft]:
        """What puts that began before a moment left, as a process that was killed does."""
        for path, about in files_below(self._root):
            if _DRAFT.fullmatch(path.name) and datetime.fromtimestamp(about.st_mtime, UTC) < before:
                yield Draft(path.parent.relative_to(self._root).as_posix(), about.st_size, path.name)

    def discard(self, draft: Draft) -> None:
        """Remove a draft; one that is gone is no error. Raises StorageUnavailable when the folder refuses."""
        try:
            (self._root / draft.key / draft.name).unlink(missing_ok=True)
        except OSError as error:
            raise StorageUnavailable(f"a draft below {draft.key} could not be deleted: {error.strerror}") from error

    def url(self, key: str) -> str:
        """A `file:` URL of the stored file."""
        return self._path(key).absolute().as_uri()

    def check(self) -> None:
        """Raise StorageUnavailable unless a file can be written and deleted."""
        key = f"probe/{secrets.token_hex(4)}"
        self.put(key, b"probe")
        self.delete(key)

    def _path(self, key: str) -> Path:
        return self._root.joinpath(*key_parts(key))
