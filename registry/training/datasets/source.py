"""Where a dataset is read from: a zip archive or a folder, by the names of its files."""

import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from registry.conversion.census import take_census
from registry.errors import InvalidDataset
from registry.training.datasets.limits import ImportLimits
from registry.training.datasets.sample import SPLITS

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
NO_SPLIT = "unassigned"  # the folder of what belongs to no split
SPLIT_WORDS = {name: name for name in SPLITS} | {
    "valid": "val",
    "validation": "val",
    "training": "train",
    NO_SPLIT: "",
}
_LITTER = frozenset({"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"})


class Source(Protocol):
    """A tree of files that is only read. `files` are sorted relative names; `folders` also names empty folders."""

    files: tuple[str, ...]
    folders: tuple[str, ...]

    def read(self, name: str, most: int, setting: str = "") -> bytes:
        """The bytes of a file. Raises InvalidDataset: more than `most` of them, which a setting bounds, or damaged."""


def is_image(name: str) -> bool:
    """Whether the name is that of a picture."""
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def split_of(name: str) -> str:
    """The split that a folder on a file's way names, the nearest first; empty for none."""
    parts = PurePosixPath(name).parts[:-1]
    return next((SPLIT_WORDS[part.lower()] for part in reversed(parts) if part.lower() in SPLIT_WORDS), "")


@contextmanager
def open_source(path: Path, limits: ImportLimits) -> Iterator[Source]:
    """The source at a path: a folder, or a zip archive that a census found sound. Raises InvalidDataset."""
    if path.is_dir():
        yield _Folder(path, limits)
        return
    if not path.is_file():
        raise InvalidDataset(f"{path.name} is neither a zip archive nor a folder")
    if take_census(path, limits.archive, InvalidDataset) is None:
        raise InvalidDataset("the file is not a zip archive", hint="Zip the dataset's folder and send that.")
    with zipfile.ZipFile(path) as archive:
        yield _Archive(archive, limits)


class _Archive:
    def __init__(self, archive: zipfile.ZipFile, limits: ImportLimits) -> None:
        self._archive = archive
        members = [member.filename for member in archive.infolist()]
        _check(members, limits)
        self._root = _common_root([name for name in members if not name.endswith("/") and not _is_litter(name)])
        kept = sorted(name.removeprefix(self._root) for name in members if _belongs(name, self._root))
        self.files = tuple(name for name in kept if not name.endswith("/"))
        self.folders = _folders(self.files, [name for name in kept if name.endswith("/")])

    def read(self, name: str, most: int, setting: str = "") -> bytes:
        """The bytes of a member, at most `most` of them."""
        try:
            with self._archive.open(self._root + name) as file:
                return _bounded(file, name, most, setting)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise InvalidDataset(f"{name} is damaged inside the archive: {error}") from error


class _Folder:
    def __init__(self, path: Path, limits: ImportLimits) -> None:
        names, empty = _walk(path, limits)
        _check(names, limits)
        self._path = path
        self._root = _common_root(names)
        self.files = tuple(sorted(name.removeprefix(self._root) for name in names if _belongs(name, self._root)))
        self.folders = _folders(self.files, [each.removeprefix(self._root) for each in empty])

    def read(self, name: str, most: int, setting: str = "") -> bytes:
        """The bytes of a file that is no link, at most `most` of them."""
        try:
            handle = os.open(self._path / (self._root + name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as file:
                return _bounded(file, name, most, setting)
        except OSError as error:
            raise InvalidDataset(f"{name} could not be read: {error.strerror}") from error


def _bounded(file: IO[bytes], name: str, most: int, setting: str) -> bytes:
    data = file.read(most + 1)
    if len(data) > most:
        raised_by = f" ({setting} in the settings)" if setting else ""
        raise InvalidDataset(f"{name} has more than {most >> 20} MiB, which is the limit{raised_by}")
    return data


def _walk(root: Path, limits: ImportLimits) -> tuple[list[str], list[str]]:
    """The names of all files and of all empty folders below a folder; links and devices are refused."""
    names: list[str] = []
    empty: list[str] = []
    for folder, folders, files in os.walk(root, followlinks=False):
        place = Path(folder).relative_to(root)
        if len(place.parts) > limits.depth:
            raise InvalidDataset(f"{str(place)[:120]} is nested deeper than {limits.depth} folders")
        for name in [*folders, *files]:
            if (Path(folder) / name).is_symlink():
                raise InvalidDataset(f"{(place / name).as_posix()[:120]} is a link", hint="Copy the file itself.")
        names += [(place / name).as_posix() for name in files if (Path(folder) / name).is_file()]
        if not files and not folders:
            empty.append(f"{place.as_posix()}/")
        if len(names) > limits.archive.members:
            raise InvalidDataset(f"the folder has more than {limits.archive.members} files")
    return names, empty


def _is_litter(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any(part in _LITTER or part.startswith("._") for part in parts)


def _belongs(name: str, root: str) -> bool:
    return name.startswith(root) and name != root and not _is_litter(name)


def _common_root(names: list[str]) -> str:
    """The folders that everything lies in and that say nothing: not a split, and no picture directly inside."""
    root = ""
    while names:
        heads = {name.removeprefix(root).partition("/")[0] for name in names}
        if len(heads) != 1:
            return root
        head = heads.pop()
        inner = f"{root}{head}/"
        if any(name.count("/") == inner.count("/") and is_image(name) for name in names):
            return root
        if head.lower() in SPLIT_WORDS or not all(name.startswith(inner) for name in names):
            return root
        root = inner
    return root


def _folders(files: tuple[str, ...], named: list[str]) -> tuple[str, ...]:
    found = {name.rstrip("/") for name in named}
    for file in files:
        found.update(str(parent) for parent in PurePosixPath(file).parents if str(parent) != ".")
    return tuple(sorted(found - {"", "."}))


def _check(names: list[str], limits: ImportLimits) -> None:
    deepest = max(names, key=lambda name: name.count("/"), default="")
    if deepest.count("/") > limits.depth:
        raise InvalidDataset(f"{deepest[:120]} is nested deeper than {limits.depth} folders")
    if sum(map(is_image, names)) > limits.images:
        raise InvalidDataset(f"there are more than {limits.images} pictures, which is the limit")
