"""Hosts that share records and a bucket leave each other's recordings alone."""

from datetime import UTC, datetime, timedelta

import pytest

from registry.cameras.recording import RecordingSettings
from registry.errors import Conflict
from registry.recordings.books import Book, Books
from registry.recordings.places import Places
from registry.recordings.retention import Retention
from registry.recordings.segment import Segment
from registry.recordings.uploads import Uploads
from registry.records import RecordingSegment
from registry.testing.watched import wait_until
from tests.registry.recordings.conftest import ADMIN, Cellar


def _elsewhere(lite: Cellar) -> Places:
    return Places(lite.settings.home / "other", lite.storage, "other")


def _on_other(lite: Cellar, number: int, **given: object) -> RecordingSegment:
    """A row whose file is on another host."""
    record = lite.put(number, host="other", **given)
    there = _elsewhere(lite).folder / record.path
    there.parent.mkdir(parents=True, exist_ok=True)
    (lite.settings.recordings / record.path).rename(there)
    return record


def test_a_sweep_deletes_of_its_own_host_alone(cellar: Cellar) -> None:
    cellar.camera(mode="continuous", most_gb=0.000_001_5)
    past = datetime.now(UTC) - timedelta(days=1)
    _on_other(cellar, 1, expires_at=past)
    cellar.put(2, expires_at=past)
    for number in (3, 4, 5):
        _on_other(cellar, number)
    for number in (6, 7):
        cellar.put(number)
    removed = Retention(cellar.database, cellar.places, lambda: 1 << 40).sweep(1)
    assert (removed.expired, removed.over_limit) == (1, 1)
    assert [int(row.id, 16) for row in cellar.rows()] == [1, 3, 4, 5, 7]
    Retention(cellar.database, _elsewhere(cellar), lambda: 1 << 40).sweep(1)
    assert [int(row.id, 16) for row in cellar.rows()] == [5, 7]
    assert [path.name for path in _elsewhere(cellar).folder.rglob("*.mp4")] == ["005.mp4"]


def test_what_is_deleted_of_another_host_goes_with_its_sweep(lite: Cellar) -> None:
    record = _on_other(lite, 1)
    there = _elsewhere(lite).folder / record.path
    lite.library().delete(ADMIN, record.id)
    assert there.exists()
    books = Books(lite.database, lite.places)
    books.reschedule(Book("cam", "door", RecordingSettings(mode="continuous")))
    books.close()
    assert lite.rows()[0].expires_at is not None
    assert Retention(lite.database, _elsewhere(lite), lambda: 1 << 40).sweep(1).expired == 1
    assert (lite.rows(), there.exists()) == ([], False)


def test_a_host_knows_its_files_again_under_another_name(lite: Cellar) -> None:
    lite.put(1, host="before")
    lite.put(2, host="")
    _on_other(lite, 3)
    Retention(lite.database, lite.places).claim()
    assert [row.host for row in lite.rows()] == [lite.places.host, lite.places.host, "other"]


def test_what_is_recorded_says_on_which_host(lite: Cellar) -> None:
    at = datetime.now(UTC)
    books = Books(lite.database, lite.places)
    segment = Segment("1" * 32, "cam", at, at + timedelta(seconds=10), "cam/x.mp4", 1, "h264")
    books.kept(Book("cam", "door", RecordingSettings(mode="continuous")), segment)
    wait_until(lite.rows, 30)
    books.close()
    assert lite.rows()[0].host == lite.places.host != ""


def test_an_export_without_what_another_host_holds_is_refused(lite: Cellar) -> None:
    first = lite.put(1)
    last = _on_other(lite, 2)
    with pytest.raises(Conflict, match="1 of the 2 recordings of this time are on the host other"):
        lite.library().export(ADMIN, "cam", first.started_at, last.ended_at)


@pytest.mark.parametrize("missing", [0, 30], ids=["all there", "more missing than are moved at once"])
def test_uploads_go_on_whatever_lies_before(lite: Cellar, missing: int) -> None:
    for number in range(missing):
        (lite.settings.recordings / lite.put(number).path).unlink()
    for number in range(missing, missing + 3):
        _on_other(lite, number)
    mine = [lite.put(missing + 3 + number, camera_id="gone").id for number in range(25)]
    uploads = Uploads(lite.database, lite.places)
    assert sum(uploads.move_some(lambda: False) for _ in range(4)) == len(mine)
    assert [row.id for row in lite.rows() if row.path.startswith("recordings/")] == mine
    assert len(list(lite.storage.keys("recordings/"))) == len(mine)
