"""The images of a batch: uploaded ones, those in uploaded zip archives, those in a folder on the server
or below a prefix of a bucket.

What a batch consists of is listed once, when it is submitted. Nothing is unpacked: a member of an archive is read
when its turn comes.
"""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from registry.conversion.census import ArchiveLimits, take_census
from registry.errors import (
    InvalidArchive,
    InvalidImage,
    InvalidInput,
    NotFound,
    UploadTooLarge,
)
from registry.jobs.files import JobFiles
from registry.jobs.image_folders import AHEAD, IMAGE_ENDINGS, ImageFolder, is_image

MOST_IMAGES = 1_000_000
_ARCHIVE = ArchiveLimits(members=200_000, total_bytes=64 << 30)
_EMPTY_ZIP = b"PK\x05\x06"  # the end of an archive is all there is of it
_MANIFEST = "manifest.json"
_LONGEST_NAME = 300


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as somebody sends it: what they call it, and its bytes."""

    name: str
    chunks: Iterable[bytes]


@dataclass(frozen=True, slots=True)
class Listing:
    """The images of a batch, `[name, file, member]` each, and a digest of all that decides what they are."""

    entries: list[list[str]]
    digest: str


def take_uploads(files: JobFiles, uploads: Iterable[Upload]) -> Listing:
    """Store what is sent and list the images; an archive counts as the images in it.

    Raises InvalidArchive, UploadTooLarge (by the chunks), StorageUnavailable, InvalidInput where there is no image.
    """
    entries: list[list[str]] = []
    digest = hashlib.sha256()
    for number, upload in enumerate(uploads):
        stored, one, name = f"{number:06d}", hashlib.sha256(), _shown(upload.name, number)
        files.put("input", stored, _hashed(upload.chunks, one))
        digest.update(json.dumps([name, one.hexdigest()]).encode())
        with files.open("input", stored) as file:
            members = _members(file, name)
        if members is None:
            entries.append([name, stored, ""])
        else:
            entries += [[f"{name}/{member}", stored, member] for member in members]
        if len(entries) > MOST_IMAGES:
            raise InvalidInput(f"what was sent holds more than {MOST_IMAGES:,} images", hint="Send it in parts.")
    return _listing(entries, digest.hexdigest(), "what was sent")


def list_images(folder: ImageFolder) -> Listing:
    """The images of a folder, which is closed then. Raises InvalidInput, NotFound, StorageUnavailable."""
    entries, digest = [], hashlib.sha256()
    with closing(folder) as opened:
        for name, mark in opened.images():
            entries.append([name, name, ""])
            digest.update(json.dumps([name, *mark]).encode())
            if len(entries) > MOST_IMAGES:
                raise InvalidInput(f"the folder holds more than {MOST_IMAGES:,} images", hint="Take a part of it.")
    return _listing(entries, digest.hexdigest(), "the folder")


def keep_listing(files: JobFiles, listing: Listing) -> None:
    """Write the list down for the runs to come."""
    files.put("input", _MANIFEST, json.dumps(listing.entries).encode())


class BatchImages:
    """The listed images of a batch, to be read in their order. Close it at the end."""

    def __init__(self, files: JobFiles, folder: ImageFolder | None, most_mb: int) -> None:
        self._files, self._folder, self._most = files, folder, most_mb << 20
        self.entries: list[list[str]] = json.loads(files.get("input", _MANIFEST))
        self._stack = ExitStack()
        self._open_name = ""
        self._open: zipfile.ZipFile | None = None

    def __len__(self) -> int:
        return len(self.entries)

    def name(self, index: int) -> str:
        """What an image is called."""
        return self.entries[index][0]

    def read(self, index: int) -> bytes:
        """The encoded bytes of an image.

        Raises InvalidImage, UploadTooLarge; StorageUnavailable when the folder they are all in is gone.
        """
        _, file, member = self.entries[index]
        try:
            if self._folder is not None:
                following = [entry[1] for entry in self.entries[index + 1 : index + 1 + AHEAD]]
                return self._whole(self._folder.read(file, self._most + 1, following))
            if not member:
                return self._bounded(self._files.open("input", file))
            return self._bounded(self._archive(file).open(member))  # type: ignore[arg-type]
        except (OSError, NotFound) as error:
            raise InvalidImage("the file cannot be read any more", hint="Look whether it is still there.") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError, NotImplementedError) as error:
            raise InvalidImage(f"the archive is damaged here: {error}") from error

    def close(self) -> None:
        """Close the archives and the folder."""
        self._stack.close()
        if self._folder is not None:
            self._folder.close()

    def _archive(self, file: str) -> zipfile.ZipFile:
        if self._open is None or self._open_name != file:
            self._stack.close()
            opened = self._stack.enter_context(self._files.open("input", file))
            self._open_name, self._open = file, self._stack.enter_context(zipfile.ZipFile(opened))
        return self._open

    def _bounded(self, file: BinaryIO) -> bytes:
        with file:
            return self._whole(file.read(self._most + 1))

    def _whole(self, data: bytes) -> bytes:
        if len(data) > self._most:
            most = f"{self._most >> 20} MiB, which is the limit (image_max_mb in the settings)"
            raise UploadTooLarge(f"the image has more than {most}")
        return data


def _listing(entries: list[list[str]], digest: str, where: str) -> Listing:
    if not entries:
        endings = ", ".join(sorted(ending[1:] for ending in IMAGE_ENDINGS))
        raise InvalidInput(f"there is no image in {where}", hint=f"Images are files that end in {endings}.")
    return Listing(entries, digest)


def _members(file: BinaryIO, name: str) -> list[str] | None:
    """The images in an archive, None for what is none."""
    try:
        names = take_census(file, _ARCHIVE, InvalidArchive)
    except InvalidArchive as error:
        raise InvalidArchive(f"{name}: {error.message}") from error
    file.seek(0)
    if names is None and file.read(len(_EMPTY_ZIP)) == _EMPTY_ZIP:
        raise InvalidArchive(f"{name}: the archive is empty")
    return None if names is None else sorted(each for each in names if is_image(PurePosixPath(each)))


def _shown(name: str, number: int) -> str:
    """A sent file's name without the way to it, printable."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(each for each in last if each.isprintable())[:_LONGEST_NAME] or f"image-{number + 1}"


def _hashed(chunks: Iterable[bytes], digest: "hashlib._Hash") -> Iterator[bytes]:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
