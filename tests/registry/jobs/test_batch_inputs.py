"""What a batch takes in: uploads, archives, folders, and what it refuses."""

import io
import os
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from registry.errors import InvalidArchive, InvalidImage, InvalidInput, NotFound, StorageUnavailable, UploadTooLarge
from registry.jobs import batch_inputs
from registry.jobs.batch_inputs import BatchImages, Upload, keep_listing, list_images, take_uploads
from registry.jobs.files import JobFiles
from registry.jobs.image_folders import open_folder, reopen_folder
from registry.storage import LocalStorage, S3Storage
from tests.registry.s3_service import BUCKET, Service

Zip = Callable[[zipfile.ZipFile], None]


@pytest.fixture
def files(tmp_path: Path) -> JobFiles:
    return JobFiles(LocalStorage(tmp_path / "storage"), "j1")


def _zip(fill: Zip) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        fill(archive)
    return out.getvalue()


def _link(archive: zipfile.ZipFile) -> None:
    member = zipfile.ZipInfo("a.jpg")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(member, "/etc/passwd")


def _encrypted() -> bytes:
    data = bytearray(_zip(lambda archive: archive.writestr("a.jpg", b"x")))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def _images(files: JobFiles, folder: Path | None = None, most_mb: int = 1) -> BatchImages:
    return BatchImages(files, None if folder is None else open_folder(str(folder), [str(folder)]), most_mb)


def test_images_and_archives_are_listed_in_their_order(files: JobFiles) -> None:
    packed = _zip(
        lambda archive: [
            archive.writestr(name, name.encode())
            for name in ("b/2.PNG", "b/1.jpg", "notes.txt", ".hidden.jpg", "__MACOSX/b/1.jpg")
        ]  # type: ignore[func-returns-value]
    )
    listing = take_uploads(files, [Upload("../../x/a.jpg", [b"one", b"two"]), Upload("photos.zip", [packed])])
    assert [entry[0] for entry in listing.entries] == ["a.jpg", "photos.zip/b/1.jpg", "photos.zip/b/2.PNG"]
    keep_listing(files, listing)
    images = _images(files)
    assert [images.read(index) for index in range(len(images))] == [b"onetwo", b"b/1.jpg", b"b/2.PNG"]
    images.close()


def test_the_digest_tells_contents_apart_and_nothing_else(files: JobFiles, tmp_path: Path) -> None:
    def digest(*parts: bytes, name: str = "a.jpg") -> str:
        return take_uploads(files, [Upload(name, parts)]).digest

    assert digest(b"one", b"two") == digest(b"onetwo")
    assert digest(b"one") != digest(b"two")
    assert digest(b"one") != digest(b"one", name="b.jpg")


@pytest.mark.parametrize(
    ("archive", "said"),
    [
        (_zip(lambda archive: archive.writestr("../../etc/cron.d/x.jpg", b"x")), "leads out"),
        (_zip(lambda archive: archive.writestr("/etc/x.jpg", b"x")), "leads out"),
        (_zip(_link), "link"),
        (_zip(lambda archive: archive.writestr("bomb.png", b"\0" * (64 << 20))), "times its size"),
        (_encrypted(), "encrypted"),
        (_zip(lambda archive: archive.writestr("a.jpg", b"x"))[:60], "damaged"),
        (_zip(lambda _archive: None), "empty"),
    ],
    ids=["slip", "absolute", "link", "bomb", "encrypted", "cut off", "empty"],
)
def test_a_hostile_archive_is_refused_whole(files: JobFiles, archive: bytes, said: str) -> None:
    with pytest.raises(InvalidArchive, match=said):
        take_uploads(files, [Upload("a.zip", [archive])])


def test_an_archive_without_images_is_refused(files: JobFiles) -> None:
    with pytest.raises(InvalidInput, match="no image"):
        take_uploads(files, [Upload("a.zip", [_zip(lambda archive: archive.writestr("a.txt", b"x"))])])


def test_a_damaged_member_costs_only_itself(files: JobFiles) -> None:
    packed = bytearray(_zip(lambda a: [a.writestr(n, os.urandom(500)) for n in ("1.jpg", "2.jpg")]))  # type: ignore[func-returns-value]
    packed[60] ^= 0xFF
    listing = take_uploads(files, [Upload("a.zip", [bytes(packed)])])
    keep_listing(files, listing)
    images = _images(files)
    with pytest.raises(InvalidImage, match="damaged"):
        images.read(0)
    assert len(images.read(1)) == 500
    images.close()


def test_an_image_above_the_limit_is_not_read(files: JobFiles) -> None:
    keep_listing(files, take_uploads(files, [Upload("a.jpg", [b"\0" * ((1 << 20) + 1)])]))
    with pytest.raises(UploadTooLarge, match=r"more than 1 MiB, which is the limit \(image_max_mb in the settings"):
        _images(files, most_mb=1).read(0)


def test_a_folder_is_listed_without_links_and_hidden_files(files: JobFiles, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    (root / "b").mkdir(parents=True)
    (root / ".git").mkdir()
    for name in ("b/2.jpg", "1.png", "x.txt", ".git/3.jpg"):
        (root / name).write_bytes(name.encode())
    (root / "link.jpg").symlink_to("/etc/passwd")
    (root / "elsewhere").symlink_to("/etc")
    listing = list_images(open_folder(str(root), [str(tmp_path)]))
    assert [entry[0] for entry in listing.entries] == ["1.png", "b/2.jpg"]
    keep_listing(files, listing)
    images = _images(files, root)
    assert images.read(1) == b"b/2.jpg"
    (root / "1.png").unlink()
    (root / "1.png").symlink_to("/etc/passwd")  # swapped behind our back
    with pytest.raises(InvalidImage):
        images.read(0)
    (root / "b" / "2.jpg").unlink()
    (root / "b").rmdir()
    (root / "b").symlink_to("/etc")
    with pytest.raises(InvalidImage):
        images.read(1)


@pytest.fixture
def shut() -> Iterator[Path]:
    """A folder with a picture, one that may not be listed, and one whose picture may not be looked at."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path, mode in ((root / "closed", 0), (root / "names", 0o444), (root, 0o755)):
            path.mkdir(exist_ok=True)
            (path / "1.png").write_bytes(b"x")
            path.chmod(mode)
        yield root
        for name in ("closed", "names"):
            (root / name).chmod(0o700)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without the rights of root, who may read everything."""
    before = os.geteuid()
    os.seteuid(before or 65_534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_folder_that_may_not_be_read_is_told_with_the_images_that_failed(files: JobFiles, shut: Path) -> None:
    with as_nobody():
        listing = list_images(open_folder(str(shut), [str(shut)]))
    assert [entry[0] for entry in listing.entries] == ["1.png", "names/1.png", "closed/"]
    keep_listing(files, listing)
    images = _images(files, shut)
    with as_nobody():
        assert images.read(0) == b"x"
        for number in (1, 2):
            with pytest.raises(InvalidImage):
                images.read(number)
        with pytest.raises(NotFound, match="Permission denied"):
            list_images(open_folder(str(shut / "closed"), [str(shut)]))


def test_a_folder_that_vanishes_is_waited_for(files: JobFiles, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    (root / "1.png").write_bytes(b"x")
    keep_listing(files, list_images(open_folder(str(root), [str(root)])))
    images = _images(files, root)
    (root / "1.png").unlink()
    with pytest.raises(InvalidImage):
        images.read(0)
    root.rmdir()
    with pytest.raises(StorageUnavailable, match="not there any more"):
        images.read(0)
    later = BatchImages(files, reopen_folder(str(root), [str(tmp_path)]), 1)
    with pytest.raises(StorageUnavailable, match="photos is not there any more"):
        later.read(0)
    root.mkdir()
    (root / "1.png").write_bytes(b"back")
    assert later.read(0) == b"back"
    with pytest.raises(NotFound, match="no folder that batches may read"):
        reopen_folder(str(root), [])


@pytest.mark.parametrize("folder", ["/etc", "photos", "{root}/../..", "{root}/missing", "{root}/out", ""])
def test_only_allowed_folders_are_read(tmp_path: Path, folder: str) -> None:
    root = tmp_path / "allowed"
    root.mkdir()
    (root / "out").symlink_to("/etc")
    with pytest.raises(NotFound):
        list_images(open_folder(folder.format(root=root), [str(root)]))
    with pytest.raises(NotFound):
        list_images(open_folder(str(root), []))


def test_the_images_of_all_archives_together_are_bounded(files: JobFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_inputs, "MOST_IMAGES", 3)
    two = _zip(lambda archive: [archive.writestr(name, b"x") for name in ("a.jpg", "b.jpg")])  # type: ignore[func-returns-value]
    assert len(take_uploads(files, [Upload("one.zip", [two])]).entries) == 2
    with pytest.raises(InvalidInput, match="more than 3 images"):
        take_uploads(files, [Upload("one.zip", [two]), Upload("two.zip", [two])])


@pytest.mark.parametrize("folder", ["/tmp/a\0b", "/" + "x" * 5_000, "relative"], ids=["nul", "too long", "relative"])
def test_a_folder_that_cannot_be_is_not_found(folder: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        list_images(open_folder(folder, ["/"]))


def test_images_below_a_prefix_of_a_bucket_are_read_in_place(files: JobFiles, service: Service, unique: str) -> None:
    storage = S3Storage(BUCKET, f"{unique}/shift", endpoint=service.url)
    for name in ("b/2.JPG", "1.png", "notes.txt", "__MACOSX/1.png", "empty.png", "large.png"):
        storage.put(name, name.encode())
    storage.put("empty.png", b"")
    storage.put("large.png", b"x" * ((1 << 20) + 1))
    S3Storage(BUCKET, f"{unique}/shift-2", endpoint=service.url).put("other.png", b"x")
    where, allowed = f"s3://{BUCKET}/{unique}/shift", [f"s3://{BUCKET}/{unique}/shift/"]
    before = list_images(open_folder(where, allowed, service.url))
    assert [entry[0] for entry in before.entries] == ["1.png", "b/2.JPG", "empty.png", "large.png"]
    assert list_images(open_folder(f"{where}/b", allowed, service.url)).entries == [["2.JPG", "2.JPG", ""]]
    assert list_images(open_folder(f"{where}/", allowed, service.url)).digest == before.digest
    keep_listing(files, before)
    images = BatchImages(files, open_folder(where, allowed, service.url), 1)
    assert [images.read(index) for index in (0, 1, 2)] == [b"1.png", b"b/2.JPG", b""]
    with pytest.raises(UploadTooLarge):
        images.read(3)
    images.close()
    storage.put("1.png", b"another")
    storage.delete("b/2.JPG")
    later = BatchImages(files, open_folder(where, allowed, service.url), 1)
    assert later.read(0) == b"another"
    with pytest.raises(InvalidImage, match="cannot be read any more"):
        later.read(1)
    later.close()
    assert list_images(open_folder(where, allowed, service.url)).digest != before.digest


@pytest.mark.parametrize(
    "where",
    [
        "s3://vision/shift-2",
        "s3://vision",
        "s3://",
        "s3://vision/shift/../other",
        "s3://other/shift",
        "s3://vision/shift//x",
    ],
)
def test_only_allowed_prefixes_are_read(where: str) -> None:
    with pytest.raises(NotFound, match="no folder that batches may read"):
        list_images(open_folder(where, ["s3://vision/shift", "/srv"], "http://127.0.0.1:9"))


def test_a_prefix_is_no_folder_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s3:" / "vision").mkdir(parents=True)
    with pytest.raises(NotFound):
        list_images(open_folder(str(tmp_path / "s3:" / "vision"), ["s3://vision"]))
