"""The storage contract: the same on a folder and in a bucket of an S3 service over HTTP."""

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from registry.errors import IntegrityError, InvalidInput, InvalidSetting, ObjectNotFound, StorageUnavailable
from registry.models.process import free_port
from registry.storage import LocalStorage, S3Storage, Storage, open_storage
from tests.registry.full_disk import room_for_files_of
from tests.registry.s3_service import BUCKET, Service, cutting_wire

MIB = 1 << 20


@pytest.fixture
def bucket(service: Service, unique: str) -> S3Storage:
    """A storage below a prefix of its own, with the smallest parts that S3 takes."""
    return S3Storage(BUCKET, unique, endpoint=service.url, patience_s=15, part=5 * MIB)


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "folder":
        return open_storage(str(tmp_path / "storage"))
    return request.getfixturevalue("bucket")


def test_what_was_put_is_got_back(storage: Storage) -> None:
    assert storage.put("a/b.bin", b"one") == 3
    storage.put("a/b.bin", (part for part in (b"t", b"wo")))
    assert storage.get("a/b.bin") == b"two"
    with storage.open("a/b.bin") as file:
        assert file.read(1) == b"t"
    assert storage.exists("a/b.bin")
    assert storage.size("a/b.bin") == 3
    with pytest.raises(ObjectNotFound):
        storage.size("a/b")
    assert not storage.exists("a/b")


def test_keys_are_listed_by_prefix(storage: Storage) -> None:
    for key in ("b/1", "a/2", "a/1", "ab", "ü/ß.txt"):
        storage.put(key, b"")
    assert list(storage.keys("a/")) == ["a/1", "a/2"]
    assert list(storage.keys()) == ["a/1", "a/2", "ab", "b/1", "ü/ß.txt"]


def test_a_stream_that_breaks_leaves_what_was_there(storage: Storage) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x" * 11 * MIB
        raise RuntimeError

    storage.put("a", b"old")
    with pytest.raises(RuntimeError):
        storage.put("a", broken())
    assert storage.get("a") == b"old"
    assert list(storage.keys()) == ["a"]


NO_KEYS = ["/etc/passwd", "../x", "a/../../x", "a\\b", ".hidden", "a/.b", "./a", "a//b", "a/"]


@pytest.mark.parametrize("key", [*NO_KEYS, "", "a\0b", "a\nb", "x" * 201, "x/" * 300 + "x", "\ud800"])
def test_a_key_that_is_none_is_refused(storage: Storage, key: str) -> None:
    asking: list[Callable[[str], object]] = [storage.get, storage.exists, storage.delete, storage.url]
    for ask in [lambda name: storage.put(name, b""), *asking]:
        with pytest.raises(InvalidInput):
            ask(key)


def test_nothing_there_is_told(storage: Storage) -> None:
    storage.put("a/b", b"")
    for key in ("missing", "a", "a/b/c"):
        with pytest.raises(ObjectNotFound, match=key):
            storage.get(key)
        storage.delete(key)
    assert storage.exists("a/b")
    storage.delete("a/b")
    assert not storage.exists("a/b")


def test_a_check_leaves_nothing_behind(storage: Storage) -> None:
    storage.check()
    assert not list(storage.keys())


def test_large_files_pass_whole(storage: Storage) -> None:
    content = os.urandom(MIB) * 13
    assert storage.put("large.bin", (content[at : at + 100_000] for at in range(0, len(content), 100_000))) == 13 * MIB
    with storage.open("large.bin") as file:
        assert hashlib.sha256(file.read()).digest() == hashlib.sha256(content).digest()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageUnavailable):
        open_storage(str(tmp_path / "file")).check()


def test_a_stored_files_address(tmp_path: Path, bucket: S3Storage) -> None:
    local = open_storage(str(tmp_path))
    local.put("a.txt", b"here")
    assert Path(local.url("a.txt").removeprefix("file://")).read_bytes() == b"here"
    bucket.put("a.txt", b"there")
    link = bucket.url("a.txt")
    assert httpx.get(link, timeout=60).content == b"there"
    assert "s3cret" not in link


@pytest.mark.parametrize("root", ["ftp://somewhere", "s3://", "s3://key:secret@bucket/x", "s3://bucket?versioning"])
def test_an_address_that_is_none_is_refused(root: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        open_storage(root)
    assert "secret" not in refused.value.message


def test_addresses_lead_to_the_right_place(credentials: None, service: Service, tmp_path: Path) -> None:
    assert isinstance(open_storage(f"file://{tmp_path}"), LocalStorage)
    made = open_storage(f"s3://{BUCKET}/deep/er/", service.url)
    made.put("x", b"1")
    assert "deep/er/x" in list(S3Storage(BUCKET, endpoint=service.url).keys("deep/"))


# from here on what only a service can do to us


def test_a_service_that_is_away_is_waited_for(service: Service, bucket: S3Storage) -> None:
    content = os.urandom(MIB) * 12
    bucket.put("before", content)
    service.stop()
    back = threading.Timer(4.0, service.start)
    back.start()
    began = time.monotonic()
    bucket.put("while away", content)
    assert time.monotonic() - began > 3.0
    back.join()
    assert bucket.get("while away") == bucket.get("before") == content


def test_a_service_that_goes_in_mid_stream_costs_nothing(service: Service, bucket: S3Storage) -> None:
    bucket.put("a", b"here")
    going = threading.Event()

    def slow() -> Iterator[bytes]:
        for _ in range(12):
            yield os.urandom(MIB)
            if not going.is_set():
                going.set()
                service.stop()
                threading.Timer(3.0, service.start).start()

    assert bucket.put("b", slow()) == 12 * MIB
    assert list(bucket.keys()) == ["a", "b"]


def test_a_service_that_stays_away_is_told_and_the_check_is_quick(credentials: None) -> None:
    nobody = S3Storage(BUCKET, endpoint=f"http://127.0.0.1:{free_port()}", patience_s=0.5)
    for ask in (nobody.check, lambda: nobody.put("a", b""), lambda: nobody.get("a"), lambda: list(nobody.keys())):
        began = time.monotonic()
        with pytest.raises(StorageUnavailable) as raised:
            ask()
        assert time.monotonic() - began < 10
        assert "s3cret" not in f"{raised.value.message} {raised.value.hint}"


def test_a_bucket_that_is_none_is_told_at_once(service: Service) -> None:
    nowhere = S3Storage("no-such-bucket", endpoint=service.url)
    with pytest.raises(StorageUnavailable, match="NoSuchBucket"):
        nowhere.check()
    with pytest.raises(StorageUnavailable, match="NoSuchBucket"):
        nowhere.put("a", b"")


def test_without_credentials_the_way_to_give_them_is_told(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(StorageUnavailable) as raised:
        S3Storage(BUCKET, endpoint=service.url).put("a", b"")
    assert "NoCredentials" in raised.value.message
    assert "AWS credentials" in raised.value.hint


def test_a_transfer_that_breaks_off_goes_on_where_it_stopped(service: Service, bucket: S3Storage, unique: str) -> None:
    content = os.urandom(MIB) * 12
    bucket.put("a", content)
    with cutting_wire(service.port, after=5 * MIB) as (port, carried):
        through = S3Storage(BUCKET, unique, endpoint=f"http://127.0.0.1:{port}", patience_s=15)
        assert through.get("a") == content
    assert len(carried) >= 3  # the question for the size, the transfer that broke off, and what was missing
    assert sum(carried) < 13 * MIB


def test_a_draft_without_room_here_is_told_at_once_and_is_no_service_that_is_away(bucket: S3Storage) -> None:
    content = os.urandom(MIB) * 12
    bucket.put("a", content)
    for ask in (lambda: bucket.put("b", content), lambda: bucket.get("a")):
        began = time.monotonic()
        with room_for_files_of(9 * MIB), pytest.raises(StorageUnavailable, match="File too large") as raised:
            ask()
        assert "TMPDIR" in raised.value.hint
        assert time.monotonic() - began < 10
    assert list(bucket.keys()) == ["a"]
    assert bucket.get("a") == content


def test_a_file_that_is_opened_in_parts_reads_as_the_whole_one_does(storage: Storage) -> None:
    content = os.urandom(MIB) + os.urandom(MIB) * 11
    storage.put("a", content)
    storage.put("empty", b"")
    with storage.open_in_parts("a") as file, storage.open_in_parts("empty") as empty:
        assert file.seek(0, os.SEEK_END) == len(content)
        assert file.read(1) == b""
        for at, size in ((5, 3), (11 * MIB, 2 * MIB), (700_000, MIB), (700_001, 10), (0, len(content))):
            file.seek(at)
            assert file.read(size) == content[at : at + size], (at, size)
        assert empty.read() == b""
    with pytest.raises(ObjectNotFound):
        storage.open_in_parts("missing")


def test_of_a_file_that_is_opened_in_parts_only_what_is_read_is_fetched(
    service: Service, bucket: S3Storage, unique: str
) -> None:
    content = os.urandom(MIB) * 12
    bucket.put("a", content)
    with cutting_wire(service.port, after=100 * MIB) as (port, carried):
        through = S3Storage(BUCKET, unique, endpoint=f"http://127.0.0.1:{port}", patience_s=15)
        with through.open_in_parts("a") as file:
            file.seek(6 * MIB)
            assert file.read(1_000) == content[6 * MIB : 6 * MIB + 1_000]
    assert 1_000 < sum(carried) < MIB


def test_a_file_that_is_replaced_while_it_is_read_in_parts_is_told_at_once(bucket: S3Storage) -> None:
    bucket.put("a", bytes(2 * MIB))
    with bucket.open_in_parts("a") as file:
        file.read(10)
        bucket.put("a", b"another")
        began = time.monotonic()
        with pytest.raises(IntegrityError, match="replaced"):
            file.read()
        assert time.monotonic() - began < 10


@pytest.mark.parametrize("size", [10, 12 * MIB])
def test_bytes_that_changed_in_the_bucket_are_not_handed_out(bucket: S3Storage, service: Service, size: int) -> None:
    bucket.put("a", os.urandom(size))
    name = bucket._name("a")
    digest = bucket._client.head_object(Bucket=BUCKET, Key=name)["Metadata"]
    bucket._client.put_object(Bucket=BUCKET, Key=name, Body=os.urandom(size), Metadata=digest)
    with pytest.raises(IntegrityError, match="SHA-256"):
        bucket.get("a")


def test_an_object_of_somebody_else_is_read_as_it_is(bucket: S3Storage) -> None:
    bucket._client.put_object(Bucket=BUCKET, Key=bucket._name("theirs"), Body=b"plain")
    assert bucket.get("theirs") == b"plain"


def test_large_files_leave_the_disk_its_reserve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage, usage = LocalStorage(tmp_path), shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage._replace(free=200 << 20))
    with pytest.raises(StorageUnavailable, match="the disk is full"):
        storage.put("a", (bytes(1 << 20) for _ in range(3)))
    assert not any(tmp_path.iterdir())
    assert storage.put("report", b"little") == 6


def test_what_a_killed_put_left_is_found_and_discarded(storage: Storage, tmp_path: Path) -> None:
    storage.put("films/done.mp4", b"whole")
    if isinstance(storage, S3Storage):
        place = {"Bucket": BUCKET, "Key": storage._name("films/day.mp4")}
        upload = storage._client.create_multipart_upload(**place)["UploadId"]
        storage._client.upload_part(**place, UploadId=upload, PartNumber=1, Body=b"part")
    else:
        (tmp_path / "storage" / "films" / f".{'0a' * 8}").write_bytes(b"part")
        (tmp_path / "storage" / "films" / ".hidden").write_bytes(b"somebody else's")
    later = datetime.now(UTC) + timedelta(hours=1)
    assert list(storage.drafts(datetime(2000, 1, 1, tzinfo=UTC))) == []
    [draft] = storage.drafts(later)
    assert (draft.key.split("/")[0], draft.size) == ("films", 4)
    storage.discard(draft)
    storage.discard(draft)
    assert list(storage.drafts(later)) == []
    assert storage.get("films/done.mp4") == b"whole"
