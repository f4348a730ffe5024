"""Downloads against a server in a thread that misbehaves as told."""

import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from registry.errors import ChecksumMismatch, Conflict, DownloadFailed, UploadTooLarge
from registry.models.download import DownloadBounds, Wish, download
from registry.models.locks import alone
from registry.models.redirects import next_url
from registry.settings import child_environment, load_settings
from registry.testing.file_server import FileServer, file_server

DATA = os.urandom(300_000)
SHA256 = hashlib.sha256(DATA).hexdigest()
BOUNDS = DownloadBounds(1 << 20, connect_s=1, silence_s=0.3, total_s=20, tries=3, pause_s=0.01)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server(DATA) as running:
        yield running


@pytest.fixture
def fetch(server: FileServer, tmp_path: Path) -> Callable[..., bytes]:
    """Download what the server has: its bytes."""

    def fetched(bounds: DownloadBounds = BOUNDS, **wish: object) -> bytes:
        wanted = replace(Wish(server.url, SHA256, len(DATA)), **wish)  # type: ignore[arg-type]
        path, sha256 = download(wanted, tmp_path / "part", bounds)
        data = path.read_bytes()
        assert hashlib.sha256(data).hexdigest() == sha256
        return data

    return fetched


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[], int]:
    """How many bytes of the file are on the disk."""
    part = tmp_path / "part" / "part"
    return lambda: part.stat().st_size if part.exists() else 0


def test_the_right_file_arrives_and_tells_how_far_it_is(server: FileServer, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path, sha256 = download(
        Wish(server.url, SHA256), tmp_path / "part", BOUNDS, lambda here, whole: told.append((here, whole))
    )
    assert (path.read_bytes(), sha256) == (DATA, SHA256)
    assert told[-1] == (len(DATA), len(DATA))


def test_a_wrong_file_is_refused_and_gone(
    server: FileServer, fetch: Callable[..., bytes], kept: Callable[[], int]
) -> None:
    server.data = b"x" + DATA[1:]
    with pytest.raises(ChecksumMismatch, match=SHA256):
        fetch()
    assert kept() == 0


@pytest.mark.parametrize("lengths", [True, False])
def test_a_download_that_was_cut_off_goes_on_in_the_same_call(
    lengths: bool, server: FileServer, fetch: Callable[..., bytes]
) -> None:
    server.cuts, server.lengths = [100_000, 50_000], lengths
    assert fetch() == DATA
    assert server.seen[0] == ""
    assert server.seen[1] == "bytes=100000-"
    assert server.seen[2] == "bytes=150000-"


def test_a_download_that_was_cut_off_goes_on_in_the_next_call(
    server: FileServer, fetch: Callable[..., bytes], kept: Callable[[], int]
) -> None:
    server.cuts = [100_000, 0]
    with pytest.raises(DownloadFailed, match="100,000 bytes are here"):
        fetch(replace(BOUNDS, tries=1))
    assert kept() == 100_000
    assert fetch() == DATA
    assert server.seen[2] == "bytes=100000-"


def test_a_server_without_ranges_starts_over(server: FileServer, fetch: Callable[..., bytes]) -> None:
    server.cuts, server.ranges = [100_000], False
    assert fetch() == DATA


def test_a_file_that_changed_in_between_starts_over(server: FileServer, fetch: Callable[..., bytes]) -> None:
    server.cuts = [100_000, 0]
    with pytest.raises(DownloadFailed):
        fetch(replace(BOUNDS, tries=1))
    server.data, server.etag = bytes(reversed(DATA)), '"two"'
    assert fetch(sha256=hashlib.sha256(server.data).hexdigest()) == server.data


@pytest.mark.parametrize("sha256", [SHA256, ""], ids=["known", "unknown"])
def test_a_server_that_goes_on_with_another_file_is_not_believed(
    sha256: str, server: FileServer, fetch: Callable[..., bytes]
) -> None:
    server.cuts = [100_000, 0]
    with pytest.raises(DownloadFailed):
        fetch(replace(BOUNDS, tries=1))
    server.data, server.etag, server.lies = bytes(reversed(DATA)), '"two"', True
    if sha256:
        with pytest.raises(ChecksumMismatch):
            fetch()
    else:
        assert fetch(sha256="") == server.data


def test_without_a_mark_of_the_file_nothing_is_continued(server: FileServer, fetch: Callable[..., bytes]) -> None:
    server.cuts, server.etag = [100_000], ""
    assert fetch() == DATA
    assert server.seen == ["", ""]


def test_all_of_it_may_have_arrived_before(
    server: FileServer, fetch: Callable[..., bytes], kept: Callable[[], int]
) -> None:
    assert fetch() == DATA
    assert fetch() == DATA
    assert server.seen == ["", f"bytes={len(DATA)}-"]


def test_a_server_that_never_gets_further_is_given_up(server: FileServer, fetch: Callable[..., bytes]) -> None:
    server.cuts, server.ranges = [1_000] * 50, False
    with pytest.raises(DownloadFailed):
        fetch()
    assert len(server.seen) <= 1 + BOUNDS.tries


def test_a_server_that_is_away_is_said_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(DownloadFailed, match=r"fetched from 127\.0\.0\.1: Connection refused") as caught:
        download(Wish(f"http://127.0.0.1:{port}/file"), tmp_path / "part", BOUNDS)
    assert "--file" in caught.value.hint


def test_a_name_that_nobody_knows_is_said(tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="no-such-host"):
        download(Wish("http://no-such-host.invalid/file"), tmp_path / "part", BOUNDS)


def test_a_server_that_hangs_is_given_up(server: FileServer, fetch: Callable[..., bytes]) -> None:
    server.silent = True
    with pytest.raises(DownloadFailed, match="silent"):
        fetch(replace(BOUNDS, tries=2))


def test_a_download_has_an_end_in_time(server: FileServer, fetch: Callable[..., bytes]) -> None:
    with pytest.raises(DownloadFailed, match="more than 0 s"):
        fetch(replace(BOUNDS, total_s=0))


@pytest.mark.parametrize("status", [401, 403, 404, 410, 500, 503])
def test_a_refusal_names_its_status(status: int, server: FileServer, fetch: Callable[..., bytes]) -> None:
    server.status = status
    with pytest.raises(DownloadFailed, match=str(status)):
        fetch()


def test_redirects_are_followed_and_end(server: FileServer, fetch: Callable[..., bytes], tmp_path: Path) -> None:
    with file_server(b"") as first:
        first.location = server.url
        path, _ = download(Wish(first.url, SHA256), tmp_path / "redirected", BOUNDS)
        assert path.read_bytes() == DATA
    server.location = server.url
    with pytest.raises(DownloadFailed, match="more than 5 times"):
        fetch()


@pytest.mark.parametrize(
    ("current", "location"),
    [
        ("https://example.org/a", "http://example.org/b"),  # loses TLS
        ("https://example.org/a", "file:///etc/passwd"),
        ("https://example.org/a", ""),
        ("http://93.184.215.14/a", "http://127.0.0.1:8501/"),  # from outside into this machine
        ("http://93.184.215.14/a", "http://169.254.169.254/latest/meta-data/"),
        ("http://93.184.215.14/a", "http://10.0.0.1/"),
        ("http://93.184.215.14/a", "http://[::1]/"),
        ("http://93.184.215.14/a", "http://localhost/"),
    ],
)
def test_a_redirect_that_leads_elsewhere_is_refused(current: str, location: str) -> None:
    with pytest.raises(DownloadFailed, match="redirects"):
        next_url(httpx.URL(current), location, first=httpx.URL(current))


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/x", "nothing"])
def test_only_the_web_is_fetched(url: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="no http"):
        download(Wish(url), tmp_path / "part", BOUNDS)


@pytest.mark.parametrize("lengths", [True, False])
def test_more_than_the_catalogue_says_is_refused(
    lengths: bool, server: FileServer, fetch: Callable[..., bytes], kept: Callable[[], int]
) -> None:
    server.lengths = lengths
    with pytest.raises(ChecksumMismatch, match="should have 1,000"):
        fetch(size_bytes=1_000)
    assert kept() == 0


@pytest.mark.parametrize("lengths", [True, False])
def test_more_than_an_upload_may_have_is_refused(
    lengths: bool, server: FileServer, fetch: Callable[..., bytes], kept: Callable[[], int]
) -> None:
    server.lengths = lengths
    with pytest.raises(UploadTooLarge):
        fetch(replace(BOUNDS, most_bytes=100_000), size_bytes=0)
    assert kept() == 0


def test_two_at_a_time_do_not_write_into_each_other(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    with alone(tmp_path / "part" / "lock") as mine:
        assert mine
        with pytest.raises(Conflict, match="already"):
            download(Wish(server.url), tmp_path / "part", BOUNDS)


def test_a_disk_that_takes_no_more_is_said(server: FileServer, tmp_path: Path) -> None:
    """In a process of its own that may write no file above 50 kB, as on a full disk."""
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from registry.models.download import *\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        f"try: download(Wish({server.url!r}), Path({str(tmp_path / 'part')!r}), DownloadBounds(1 << 20))\n"
        "except StorageUnavailable as error: sys.exit(f'{error.message} | {error.hint}')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "could not be kept: File too large | Free some space" in done.stderr


def test_a_proxy_of_the_environment_is_used(tmp_path: Path) -> None:
    """The proxy answers by itself; without it there is no such host."""
    with file_server(DATA) as proxy:
        code = (
            "import sys; from pathlib import Path\nfrom registry.models.download import *\n"
            f"path, _ = download(Wish('http://models.invalid/file'), Path({str(tmp_path / 'part')!r}), "
            "DownloadBounds(1 << 20, tries=1))\n"
            "print(path.stat().st_size)\n"
        )
        address = proxy.url.removesuffix("/file")
        further = {"HTTP_PROXY": address, "http_proxy": address, "NO_PROXY": "", "no_proxy": ""}
        environment = child_environment(load_settings(home=tmp_path), **further)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == str(len(DATA)), done.stderr
