"""Where batches read images in place: folders on the server, and prefixes in buckets of an S3 service."""

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from registry.access import Actor
from registry.errors import InvalidImage, InvalidInput, NotFound, StorageUnavailable
from registry.storage import S3Storage
from registry.storage.keys import key_parts

IMAGE_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
PUT_BACK = "Put it back, or name another one."
_BUCKETS = "s3://"
_CLOSED = "cannot be read"
AHEAD = 4  # images of a bucket that are fetched while others are looked at


class ImageFolder(Protocol):
    """Images by names with forward slashes, of which nothing is copied before its turn."""

    def images(self) -> Iterator[tuple[str, list[object]]]:
        """Every image's name, and what is another once its content is. Raises NotFound, StorageUnavailable."""

    def read(self, name: str, most: int, following: Sequence[str]) -> bytes:
        """The first `most` bytes of an image; the `following` ones are asked for next.

        Raises InvalidImage; StorageUnavailable where the folder itself is gone.
        """

    def close(self) -> None:
        """Fetch nothing any more."""


# Opens a dataset's version by `name` or `name/version`; gives `name/version` and its images.
OpenDataset = Callable[[Actor, str], tuple[str, ImageFolder]]


def no_datasets(_actor: Actor, reference: str) -> tuple[str, ImageFolder]:
    """An `OpenDataset` for where there are none. Raises InvalidInput."""
    raise InvalidInput(f"dataset {reference[:80]!r} cannot be opened from here")


class LocalFolder:
    """A folder on this machine; links in it are not followed."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def images(self) -> Iterator[tuple[str, list[object]]]:
        """See `ImageFolder`; what tells contents apart is size and time.

        A folder that cannot be listed counts as one image, `name/`, that cannot be read.
        """
        closed: list[OSError] = []
        for folder, folders, names in os.walk(self._root, onerror=closed.append):  # it does not follow links
            folders[:] = sorted(each for each in folders if not each.startswith("."))
            for name in sorted(names):
                path = Path(folder, name)
                if is_image(PurePosixPath(name)) and (mark := _mark_of(path)):
                    yield self._name(path), mark
        for error in closed:
            path = Path(error.filename)
            if path == self._root:
                raise NotFound(f"the folder {str(path)[:200]!r} cannot be read: {error.strerror}") from error
            yield f"{self._name(path)}/", [_CLOSED]

    def read(self, name: str, most: int, following: Sequence[str]) -> bytes:
        """See `ImageFolder`."""
        if name.endswith("/"):
            raise InvalidImage(
                "this folder could not be listed, so nothing in it was looked at",
                hint="Let the account that the platform runs as read it, and start a new batch.",
            )
        path = self._root / name
        try:
            if not path.parent.resolve().is_relative_to(self._root):
                raise InvalidImage("the way to this file leads out of its folder by now")
            with open_file(path) as file:
                return file.read(most)
        except OSError as error:
            if not self._root.is_dir():
                raise StorageUnavailable(f"the folder {self._root} is not there any more") from error
            raise _unreadable() from error

    def close(self) -> None:
        """See `ImageFolder`."""

    def _name(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()


class BucketFolder:
    """What lies below a prefix of a bucket, reached with the platform's own endpoint and credentials."""

    def __init__(self, storage: S3Storage) -> None:
        self._storage = storage
        self._fetching: dict[str, Future[bytes]] = {}
        self._threads = ThreadPoolExecutor(AHEAD, thread_name_prefix="fetch")

    def images(self) -> Iterator[tuple[str, list[object]]]:
        """See `ImageFolder`; what tells contents apart is the service's own mark of them."""
        return ((key, [mark]) for key, mark in self._storage.marks() if is_image(PurePosixPath(key)))

    def read(self, name: str, most: int, following: Sequence[str]) -> bytes:
        """See `ImageFolder`."""
        for each in (name, *following):
            if each not in self._fetching:
                self._fetching[each] = self._threads.submit(self._storage.beginning, each, most)
        try:
            return self._fetching.pop(name).result()
        except NotFound as error:
            raise _unreadable() from error

    def close(self) -> None:
        """See `ImageFolder`."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def open_folder(where: str, allowed: Sequence[str], endpoint: str = "") -> ImageFolder:
    """A folder, or a prefix such as `s3://bucket/prefix`, that batches may read.

    Raises NotFound, the same for one that is not allowed and one that is not there; MissingExtra without boto3.
    """
    if not where.startswith(_BUCKETS):
        return LocalFolder(allowed_folder(where, allowed))
    return _bucket(where, allowed, endpoint)


def reopen_folder(where: str, allowed: Sequence[str], endpoint: str = "") -> ImageFolder:
    """As `open_folder`, for a batch that has listed it: one that is gone by now raises when it is read, not here."""
    if not where.startswith(_BUCKETS):
        return LocalFolder(_place(where, allowed))
    return _bucket(where, allowed, endpoint)


def _bucket(where: str, allowed: Sequence[str], endpoint: str) -> BucketFolder:
    wanted = where.rstrip("/")
    if not any(f"{wanted}/".startswith(f"{each.rstrip('/')}/") for each in allowed if each.startswith(_BUCKETS)):
        raise _refused(where)
    bucket, _, prefix = wanted.removeprefix(_BUCKETS).partition("/")
    try:
        prefix = "/".join(key_parts(prefix)) if prefix else ""
    except InvalidInput as error:
        raise _refused(where) from error
    return BucketFolder(S3Storage(bucket, prefix, endpoint=endpoint))


def allowed_folder(folder: str, allowed: Sequence[str]) -> Path:
    """A folder on this machine that jobs may read. Raises NotFound, the same for what is not there."""
    real = _place(folder, allowed)
    try:
        found = real.is_dir()
    except OSError as error:  # such as a folder that nobody may enter
        raise _closed(folder, error) from error
    if not found:
        raise NotFound(f"the folder {folder[:200]!r} does not exist", hint=PUT_BACK)
    return real


def _place(folder: str, allowed: Sequence[str]) -> Path:
    """Where a folder that jobs may read lies, or would lie. Raises NotFound."""
    if "\0" in folder or not Path(folder).is_absolute():
        raise _refused(folder)
    here = (each for each in allowed if not each.startswith(_BUCKETS))
    try:
        real = Path(folder).resolve()
        if not any(real.is_relative_to(Path(each).expanduser().resolve()) for each in here):
            raise _refused(folder)
    except OSError as error:  # such as a name that is too long
        raise _closed(folder, error) from error
    return real


def _closed(folder: str, error: OSError) -> NotFound:
    return NotFound(f"the folder {folder[:200]!r} cannot be read: {error.strerror}")


def open_file(path: Path) -> BinaryIO:
    """A file to read from, neither a link nor a folder nor a device. Raises OSError."""
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(errno.EINVAL, "it is no file")
    return os.fdopen(number, "rb")


def is_image(path: PurePosixPath) -> bool:
    """Whether a file's name is that of an image, and neither it nor its folders are hidden."""
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return path.suffix.lower() in IMAGE_ENDINGS and not hidden


def _mark_of(path: Path) -> list[object]:
    """What tells a file's contents apart; nothing for what is no file. Raises NotFound."""
    try:
        about = path.lstat()
    except PermissionError:
        return [_CLOSED]
    except OSError as error:
        raise NotFound(f"the folder changes while it is listed: {path.name[:200]!r} is gone") from error
    return [about.st_size, about.st_mtime_ns] if stat.S_ISREG(about.st_mode) else []


def _refused(folder: str) -> NotFound:
    return NotFound(
        f"{folder[:200]!r} is no folder that batches may read",
        hint="An administrator names such folders in NEXUSAI_BATCH_FOLDERS.",
    )


def _unreadable() -> InvalidImage:
    return InvalidImage("the file cannot be read any more", hint="Look whether it is still there.")
