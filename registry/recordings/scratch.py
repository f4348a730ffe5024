"""Files that were made once for being read several times, the least used of them gone first."""

import os
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from registry.storage.walk import entries_in

_LOCKS = 64


class Scratch:
    """Named files of one folder, bounded in bytes; processes may share it. Readers keep what they have open."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most = most_bytes
        self._locks = [threading.Lock() for _ in range(_LOCKS)]

    def open(self, name: str, make: Callable[[Path], None]) -> BinaryIO:
        """The file of a name, made by `make` at a path if it is not there. Raises OSError, and what `make` does."""
        with self._locks[hash(name) % _LOCKS]:
            path = self._folder / name
            try:
                file = path.open("rb")
            except FileNotFoundError:
                return self._made(path, make)
            os.utime(file.fileno())
            return file

    def drop(self, names: str) -> None:
        """Remove those whose names begin so."""
        for path in self._folder.glob(f"{names}*"):
            path.unlink(missing_ok=True)

    def _made(self, path: Path, make: Callable[[Path], None]) -> BinaryIO:
        self._folder.mkdir(parents=True, exist_ok=True)
        part = self._folder / f".{secrets.token_hex(8)}{path.suffix}"
        try:
            make(part)
            file = part.open("rb")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        self._trim(path)
        return file

    def _trim(self, newest: Path) -> None:
        found = [(about.st_mtime, about.st_size, path) for path, about in entries_in(self._folder)]
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._most or path == newest:
                return
            path.unlink(missing_ok=True)
            total -= size
