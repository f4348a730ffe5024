"""What a batch takes in: uploads, archives, folders, and what it refuses."""

import io
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.errors import InvalidArchive, InvalidImage, InvalidInput, NotFound, StorageUnavailable, UploadTooLarge
from registry.jobs import batch_inputs
from registry.jobs.batch_inputs import BatchImages, Upload, keep_listing, list_folder, take_uploads
from registry.jobs.files import JobFiles
from registry.storage import LocalStorage

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
    return BatchImages(files, folder, most_mb)


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
    ],
    ids=["slip", "absolute", "link", "bomb", "encrypted", "cut off"],
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
    with pytest.raises(UploadTooLarge):
        _images(files, most_mb=1).read(0)


def test_a_folder_is_listed_without_links_and_hidden_files(files: JobFiles, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    (root / "b").mkdir(parents=True)
    (root / ".git").mkdir()
    for name in ("b/2.jpg", "1.png", "x.txt", ".git/3.jpg"):
        (root / name).write_bytes(name.encode())
    (root / "link.jpg").symlink_to("/etc/passwd")
    (root / "elsewhere").symlink_to("/etc")
    listing = list_folder(str(root), [str(tmp_path)])
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


def test_a_folder_that_vanishes_is_waited_for(files: JobFiles, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    (root / "1.png").write_bytes(b"x")
    keep_listing(files, list_folder(str(root), [str(root)]))
    images = _images(files, root)
    (root / "1.png").unlink()
    with pytest.raises(InvalidImage):
        images.read(0)
    root.rmdir()
    with pytest.raises(StorageUnavailable, match="not there any more"):
        images.read(0)


@pytest.mark.parametrize("folder", ["/etc", "photos", "{root}/../..", "{root}/missing", "{root}/out", ""])
def test_only_allowed_folders_are_read(tmp_path: Path, folder: str) -> None:
    root = tmp_path / "allowed"
    root.mkdir()
    (root / "out").symlink_to("/etc")
    with pytest.raises(NotFound):
        list_folder(folder.format(root=root), [str(root)])
    with pytest.raises(NotFound):
        list_folder(str(root), [])


def test_the_images_of_all_archives_together_are_bounded(files: JobFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_inputs, "MOST_IMAGES", 3)
    two = _zip(lambda archive: [archive.writestr(name, b"x") for name in ("a.jpg", "b.jpg")])  # type: ignore[func-returns-value]
    assert len(take_uploads(files, [Upload("one.zip", [two])]).entries) == 2
    with pytest.raises(InvalidInput, match="more than 3 images"):
        take_uploads(files, [Upload("one.zip", [two]), Upload("two.zip", [two])])


@pytest.mark.parametrize("folder", ["/tmp/a\0b", "/" + "x" * 5_000, "relative"], ids=["nul", "too long", "relative"])
def test_a_folder_that_cannot_be_is_not_found(folder: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        list_folder(folder, ["/"])
