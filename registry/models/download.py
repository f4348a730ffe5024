"""A file behind a URL onto this disk: gone on with where it was cut off, bounded, checked before it is opened."""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from registry.errors import ChecksumMismatch, Conflict, DownloadFailed, StorageUnavailable, UploadTooLarge
from registry.models.locks import alone
from registry.models.quarantine import CHUNK_BYTES, check_room
from registry.models.redirects import check_scheme, next_url

_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NUMBER = re.compile(r"^\[Errno -?\d+\] ")
_PART, _ABOUT, _LOCK = "part", "part.json", "lock"

Told = Callable[[int, int], None]  # bytes that are here, bytes in all (0 while nobody has said)


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall be fetched. `sha256` (hex) and `size_bytes` are checked where they are known."""

    url: str
    sha256: str = ""
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class DownloadBounds:
    """How much and how long a download may take. A try counts when nothing new arrived in it."""

    most_bytes: int
    connect_s: float = 10.0
    silence_s: float = 30.0
    total_s: float = 3_600.0
    redirects: int = 5
    tries: int = 4
    pause_s: float = 0.5  # before the second try, then twice as long each time


class _CutOff(Exception):
    """It may go on in another try."""


@dataclass(slots=True)
class _Part:
    """What has arrived so far, and by which ETag or date the server knows the same file again."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / _PART

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def validator(self) -> str:
        try:
            return str(json.loads((self.folder / _ABOUT).read_text(encoding="utf-8"))["validator"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def begin(self, response: httpx.Response) -> None:
        """A new file: what was there is another one, or nobody can tell."""
        self.path.write_bytes(b"")
        (self.folder / _ABOUT).write_text(json.dumps({"validator": _validator(response)}), encoding="utf-8")

    def drop(self) -> None:
        for name in (_PART, _ABOUT):
            (self.folder / name).unlink(missing_ok=True)


def download(
    wish: Wish, folder: Path, bounds: DownloadBounds, told: Told = lambda _here, _all: None
) -> tuple[Path, str]:
    """Fetch into `folder`, which belongs to this URL alone: the whole, checked file, to be moved away, and its sha256.

    Proxies are those of the environment. What has arrived stays when it fails, and the next call goes on from there
    if the server still has the same file. Raises DownloadFailed, ChecksumMismatch, UploadTooLarge,
    StorageUnavailable, Conflict (somebody else fetches it just now).
    """
    check_scheme(wish.url)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with alone(folder / _LOCK) as mine:
            if not mine:
                raise Conflict("this file is being fetched already", hint="Wait until that has ended.")
            part = _Part(folder)
            with _client(bounds) as client:
                _insist(client, wish, part, bounds, told)
            return _checked(wish, part)
    except OSError as error:
        raise StorageUnavailable(
            f"the download could not be kept: {error.strerror or error}", hint="Free some space and pull it again."
        ) from error


def check(wish: Wish, size_bytes: int, sha256: str) -> None:
    """Raise ChecksumMismatch unless a file is the one behind the wish, as far as that is known."""
    if wish.size_bytes and size_bytes != wish.size_bytes:
        raise ChecksumMismatch(f"the file has {size_bytes:,} bytes, it should have {wish.size_bytes:,}")
    if wish.sha256 and sha256 != wish.sha256:
        raise ChecksumMismatch(f"the file has sha256 {sha256}, it should have {wish.sha256}")


def _insist(client: httpx.Client, wish: Wish, part: _Part, bounds: DownloadBounds, told: Told) -> None:
    """Try until it is there; a try that brought something new makes the count start again."""
    deadline, idle, most = time.monotonic() + bounds.total_s, 0, part.size
    while True:
        try:
            with _opened(client, wish.url, part, bounds) as response:
                _receive(response, wish, part, bounds, deadline, told)
            return
        except (httpx.HTTPError, _CutOff) as error:
            idle, most = (0, part.size) if part.size > most else (idle + 1, most)
            pause = bounds.pause_s * 2**idle
            if idle >= bounds.tries or time.monotonic() + pause > deadline:
                raise DownloadFailed(
                    f"the file could not be fetched from {httpx.URL(wish.url).host}: {_said(error)}; "
                    f"{part.size:,} bytes are here"
                ) from error
            time.sleep(pause)


@contextmanager
def _opened(client: httpx.Client, url: str, part: _Part, bounds: DownloadBounds) -> Iterator[httpx.Response]:
    """The answer at the end of the redirects. Raises DownloadFailed, _CutOff."""
    known = part.validator() if part.size else ""
    headers = {"Range": f"bytes={part.size}-", "If-Range": known} if known else {}
    target = httpx.URL(url)
    for _ in range(bounds.redirects + 1):
        with client.stream("GET", target, headers=headers) as response:
            if response.status_code in _REDIRECTS:
                target = next_url(target, response.headers.get("location", ""), first=httpx.URL(url))
                continue
            if response.status_code in _AGAIN:
                raise _CutOff(f"it answered {response.status_code}")
            if response.status_code not in (200, 206, 416):
                raise DownloadFailed(
                    f"the file is not to be had from {target.host}: it answered {response.status_code}"
                )
            yield response
            return
    raise DownloadFailed(f"{httpx.URL(url).host} redirects more than {bounds.redirects} times")


def _receive(
    response: httpx.Response, wish: Wish, part: _Part, bounds: DownloadBounds, deadline: float, told: Told
) -> None:
    start, whole = _place(response)
    if response.status_code == 416 and whole == part.size and part.size:
        return  # all of it had arrived
    other = response.status_code == 206 and (start != part.size or _validator(response) not in ("", part.validator()))
    if response.status_code == 416 or other:
        part.drop()
        raise _CutOff("it did not go on where it was asked to")
    if response.status_code == 200:
        part.begin(response)
    most = _most(wish, whole, bounds)
    check_room(part.folder, whole - part.size)
    with part.path.open("ab") as file:
        here = part.size
        for chunk in response.iter_raw():  # as it comes: what a larger piece waits for would be lost in a cut
            here += len(chunk)
            if here > most:
                part.drop()
                raise _too_large(wish, bounds, f"at least {here:,}")
            file.write(chunk)
            told(here, whole or wish.size_bytes)
            if time.monotonic() > deadline:
                raise DownloadFailed(f"the download took more than {bounds.total_s:g} s; {here:,} bytes are here")
    if here < (whole or wish.size_bytes):
        raise _CutOff(f"it stopped at {here:,} of {whole or wish.size_bytes:,} bytes")


def _place(response: httpx.Response) -> tuple[int, int]:
    """Where an answer begins in the file, and how long the file is; 0 where it does not say."""
    if response.status_code == 200:
        return 0, _whole(response.headers.get("content-length", ""))
    span, _, whole = response.headers.get("content-range", "").removeprefix("bytes ").partition("/")
    return _whole(span.partition("-")[0]), _whole(whole)


def _most(wish: Wish, whole: int, bounds: DownloadBounds) -> int:
    if wish.size_bytes and whole and whole != wish.size_bytes:
        raise ChecksumMismatch(f"the server has {whole:,} bytes, the file should have {wish.size_bytes:,}")
    if whole > bounds.most_bytes:
        raise _too_large(wish, bounds, f"{whole:,}")
    return min(bounds.most_bytes, wish.size_bytes or bounds.most_bytes)


def _too_large(wish: Wish, bounds: DownloadBounds, size: str) -> ChecksumMismatch | UploadTooLarge:
    if wish.size_bytes and wish.size_bytes <= bounds.most_bytes:
        return ChecksumMismatch(f"the server sends {size} bytes, the file should have {wish.size_bytes:,}")
    return UploadTooLarge(f"the file has {size} bytes, the limit is {bounds.most_bytes >> 20} MiB")


def _checked(wish: Wish, part: _Part) -> tuple[Path, str]:
    digest = hashlib.sha256()
    with part.path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    try:
        check(wish, part.size, digest.hexdigest())
    except ChecksumMismatch:
        part.drop()
        raise
    return part.path, digest.hexdigest()


def _validator(response: httpx.Response) -> str:
    """What `If-Range` takes: a strong ETag, else the date."""
    tag: str = response.headers.get("etag", "")
    return tag if tag and not tag.startswith("W/") else response.headers.get("last-modified", "")


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


def _said(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "it was silent for too long"
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return _NUMBER.sub("", first)[:200]


def _client(bounds: DownloadBounds) -> httpx.Client:
    return httpx.Client(
        timeout=httpx.Timeout(bounds.silence_s, connect=bounds.connect_s),
        headers={"Accept-Encoding": "identity", "User-Agent": "nexusai"},
    )
