"""Files of the platform by key: put, get, list and delete, in a local folder."""

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from registry.errors import InvalidInput, InvalidSetting, ObjectNotFound, StorageUnavailable

_CHUNK = 1 << 20


class LocalStorage:
    """Keys such as `results/ab12/image.jpg` below one folder; a file is there whole or not at all."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, content: bytes | Iterable[bytes]) -> int:
        """Store bytes or a stream of them, replacing what was there; returns how many.

        Raises InvalidInput for a key that is none, StorageUnavailable when the folder refuses.
        """
        path = self._path(key)
        draft = path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}")
        size = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("xb") as file:
                for chunk in (content,) if isinstance(content, bytes) else content:
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
        """The bytes under a key. Raises ObjectNotFound."""
        with self.open(key) as file:
            return file.read()

    def open(self, key: str) -> BinaryIO:
        """A binary file to read from. Raises ObjectNotFound."""
        try:
            return self._path(key).open("rb")
        except (FileNotFoundError, IsADirectoryError) as error:
            raise ObjectNotFound(f"nothing is stored under {key!r}") from error
        except OSError as error:
            raise StorageUnavailable(f"{key} could not be read: {error.strerror}") from error

    def exists(self, key: str) -> bool:
        """Whether something is stored under the key."""
        return self._path(key).is_file()

    def delete(self, key: str) -> None:
        """Remove what is stored under the key; nothing there is no error."""
        self._path(key).unlink(missing_ok=True)

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Every key that begins with the prefix, sorted."""
        found = (path for path in self._root.rglob("*") if path.is_file() and not path.name.startswith("."))
        yield from sorted(key for path in found if (key := path.relative_to(self._root).as_posix()).startswith(prefix))

    def url(self, key: str) -> str:
        """A `file:` URL of the stored file."""
        return self._path(key).absolute().as_uri()

    def check(self) -> None:
        """Raise StorageUnavailable unless a file can be written and read back."""
        key = f"probe/{secrets.token_hex(4)}"
        self.put(key, b"probe")
        self.delete(key)

    def _path(self, key: str) -> Path:
        parts = PurePosixPath(key).parts
        bad = not parts or "/".join(parts) != key or key.startswith("/") or "\\" in key or "\0" in key or len(key) > 512
        if bad or any(part in {"..", "."} or part.startswith(".") for part in parts):
            raise InvalidInput(
                f"{key[:80]!r} is not a storage key: relative, with forward slashes, no part that begins with a dot"
            )
        return self._root.joinpath(*parts)


def open_storage(root: str) -> LocalStorage:
    """The storage behind NEXUSAI_STORAGE_URL: a folder. Raises InvalidSetting for another scheme."""
    if "://" in root and not root.startswith("file://"):
        raise InvalidSetting(
            f"NEXUSAI_STORAGE_URL: {root.split('://', maxsplit=1)[0]}:// is not supported, give a folder"
        )
    return LocalStorage(Path(root.removeprefix("file://")).absolute())
