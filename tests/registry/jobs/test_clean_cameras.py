"""What clean-ups remove of cameras: recordings, events and what is left of them."""

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlmodel import select

from registry.access.actor import local_actor
from registry.jobs.care_parameters import CleanParameters
from registry.jobs.caring import Caring
from registry.jobs.clean import REPORT, clean
from registry.jobs.rooms import JobRooms
from registry.jobs.running import execute
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.recordings.places import Places
from registry.records import CameraEvent, Database, Job, JobState, RecordingSegment, SettingValue, jobs, utc_now
from registry.settings import Settings
from tests.registry.jobs.test_clean import REAL, cleaned, rooms

if TYPE_CHECKING:
    from tests.registry.jobs.conftest import Shop

__all__ = ["rooms"]  # the fixture
NOW = utc_now()


def recorded(database: Database, places: Places, name: str, days_left: float | None, host: str = "") -> None:
    """A segment of ten bytes, as a file here or, with a path of the storage, there."""
    path = f"gate/{name}.mp4" if not name.startswith("recordings/") else name
    if path.startswith("recordings/"):
        places.storage.put(path, b"x" * 10)
    else:
        (places.folder / "gate").mkdir(parents=True, exist_ok=True)
        (places.folder / path).write_bytes(b"x" * 10)
    until = None if days_left is None else NOW + timedelta(days=days_left)
    with database.write() as session:
        session.add(
            RecordingSegment(
                camera_id="gate", camera_name="gate", started_at=NOW - timedelta(days=9), ended_at=NOW, path=path,
                size_bytes=10, codec="h264", expires_at=until, host=host or places.host,
            )
        )  # fmt: skip


def seen(shop: "Shop", days: float, *, clip: bool = False, row: bool = True) -> CameraEvent:
    """An event with its pictures, of 7 bytes, and perhaps its clip, of 20."""
    at = NOW - timedelta(days=days)
    event = CameraEvent(camera_id="gate", camera_name="gate", started_at=at, ended_at=at)
    key = f"cameras/gate/events/{at:%Y-%m-%d}/{event.id}"
    event.snapshot, event.thumbnail = f"{key}.jpg", f"{key}-thumbnail.jpg"
    shop.storage.put(event.snapshot, b"x" * 5)
    shop.storage.put(event.thumbnail, b"x" * 2)
    if clip:
        event.clip = f"clips/gate/{event.id}.mp4"
        shop.storage.put(event.clip, b"x" * 20)
    if row:
        with shop.database.write() as session:
            session.add(event)
    return event


def paths(database: Database) -> set[str]:
    with database.read() as session:
        return set(session.exec(select(RecordingSegment.path)))


def test_recordings_go_when_their_time_is_over(shop: "Shop", rooms: JobRooms) -> None:
    places = Places(rooms.settings.recordings, shop.storage)
    for name, days_left in (("over", -1), ("recordings/gate/over.mp4", -1), ("later", 1), ("for-ever", None)):
        recorded(shop.database, places, name, days_left)
    recorded(shop.database, places, "elsewhere", -1, host="another")
    before = paths(shop.database)
    assert cleaned(shop, rooms, CleanParameters())["recordings"] == (2, 20)
    assert paths(shop.database) == before
    assert (places.folder / "gate/over.mp4").exists()
    assert cleaned(shop, rooms, REAL)["recordings"] == (2, 20)
    assert paths(shop.database) == {"gate/later.mp4", "gate/for-ever.mp4", "gate/elsewhere.mp4"}
    assert not (places.folder / "gate/over.mp4").exists()
    assert not list(shop.storage.keys("recordings/"))
    assert cleaned(shop, rooms, REAL)["recordings"] == (0, 0)


def test_old_events_go_with_their_pictures_and_clips(shop: "Shop", rooms: JobRooms) -> None:
    old, new = seen(shop, 100, clip=True), seen(shop, 80, clip=True)
    for _ in range(2):
        assert cleaned(shop, rooms, CleanParameters())["events"] == (1, 27)
    assert cleaned(shop, rooms, REAL)["events"] == (1, 27)
    with shop.database.read() as session:
        assert session.exec(select(CameraEvent.id)).all() == [new.id]
    kept = [*shop.storage.keys("cameras/"), *shop.storage.keys("clips/")]
    assert sorted(kept) == sorted([new.snapshot, new.thumbnail, new.clip])
    assert not shop.storage.exists(old.clip)


def test_events_that_are_kept_for_ever_stay(shop: "Shop", rooms: JobRooms) -> None:
    seen(shop, 4_000)
    with shop.database.write() as session:
        session.merge(SettingValue(key="camera_event_days", value=0))
    rooms.live.refresh()
    assert cleaned(shop, rooms, REAL)["events"] == (0, 0)


def test_more_events_than_one_batch_are_counted_and_removed(
    shop: "Shop", rooms: JobRooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.records.camera_events.older_than.__defaults__", (2,))
    for _ in range(5):
        seen(shop, 100)
    assert cleaned(shop, rooms, CleanParameters())["events"] == (5, 35)
    assert cleaned(shop, rooms, REAL)["events"] == (5, 35)


def test_files_of_events_that_are_gone_go_once_they_cannot_be_on_their_way(shop: "Shop", rooms: JobRooms) -> None:
    there = seen(shop, 50, clip=True)
    gone, arriving = seen(shop, 50, clip=True, row=False), seen(shop, 0, row=False)
    shop.storage.put("cameras/gate/events/2020-13-77/ab.jpg", b"no day")
    shop.storage.put("cameras/gate/other.jpg", b"no event")
    assert cleaned(shop, rooms, CleanParameters())["event_files"] == (3, 27)
    assert shop.storage.exists(gone.clip)
    assert cleaned(shop, rooms, REAL)["event_files"] == (3, 27)
    for key in (gone.snapshot, gone.thumbnail, gone.clip):
        assert not shop.storage.exists(key)
    for key in (there.snapshot, there.clip, arriving.snapshot, "cameras/gate/other.jpg"):
        assert shop.storage.exists(key)


def test_where_most_events_are_in_no_record_their_files_stay(shop: "Shop", rooms: JobRooms) -> None:
    lost = [seen(shop, 50, row=False) for _ in range(21)]
    job = Caring(shop.jobs).clean(local_actor(), REAL)
    with shop.database.write() as session:
        ticket = jobs.hand_over(session, session.get(Job, job.id))
    execute(shop.database, shop.storage, job.id, ticket, lambda run: clean(run, rooms))
    assert "21 of 21 events" in shop.now(job).error["message"]
    assert all(shop.storage.exists(event.snapshot) for event in lost)


def test_the_report_is_an_artifact_in_mlflow(
    shop: "Shop", models: ModelRegistry, serving: Serving, settings: Settings
) -> None:
    rooms = JobRooms(settings, shop.database, models.live, shop.storage, models, serving)
    seen(shop, 100)
    job = Caring(shop.jobs).clean(local_actor(), CleanParameters())
    with shop.database.write() as session:
        ticket = jobs.hand_over(session, session.get(Job, job.id))
    execute(shop.database, shop.storage, job.id, ticket, lambda run: clean(run, rooms))
    ended = shop.now(job)
    assert ended.state == JobState.SUCCEEDED, ended.error
    with models.connected() as client:
        noted = client.get_run(ended.mlflow_run_id)
        assert (noted.data.tags["nexusai.job"], noted.data.metrics["count"]) == (job.id, 1)
        [kept] = client.list_artifacts(ended.mlflow_run_id)
        told = json.loads(Path(client.download_artifacts(ended.mlflow_run_id, kept.path)).read_text())
    assert kept.path == REPORT
    assert {each["name"]: each["count"] for each in told["cleaned"]}["events"] == 1
