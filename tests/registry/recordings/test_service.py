"""Recordings of a process: rows, clips, what earlier processes left, who may see and delete what."""

import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from registry.access import Actor
from registry.access.live import SettingsEditor
from registry.cameras.recording import RecordingSettings
from registry.errors import CameraNotFound, Forbidden, InvalidInput, RecordingNotFound
from registry.recordings.library import Recordings
from registry.recordings.retention import Retention, expiry
from registry.recordings.segment_file import PART
from registry.recordings.service import RecordingService
from registry.records import (
    AuditEntry,
    CameraEvent,
    NotificationReceiver,
    ReceiverKind,
    RecordingSegment,
    Role,
    notifications,
    segments,
)
from registry.records.segments import SegmentFilter
from registry.storage import S3Storage
from registry.streams import AllowedNetworks, Camera, Event, EventPhase, Pipeline, SourcePolicy, parse_source
from registry.testing.played import play
from registry.testing.rtsp_server import RtspCamera
from registry.testing.watched import wait_until
from tests.registry.recordings.conftest import ADMIN, Cellar, Film, enter_film

OPERATOR, USER = Actor("olaf", "olaf", Role.OPERATOR), Actor("uma", "uma", Role.USER)


def test_a_camera_of_the_pipeline_is_recorded_and_events_keep_what_is_around_them(
    lite: Cellar, service: RecordingService, clip_h264: bytes
) -> None:
    record = lite.camera(mode="events", pre_s=1, post_s=0)
    policy = SourcePolicy(AllowedNetworks(loopback=True))
    pipeline = Pipeline(policy, sinks=(service.take,))
    try:
        with RtspCamera(clip_h264) as source:
            camera = service.attach(Camera("cam", parse_source(source.url, policy)), record)
            assert service.attach(Camera("cam", camera.source), record) == camera  # nothing to connect anew for
            pipeline.add(camera)
            wait_until(lambda: service.report()["cam"]["bytes_written"] > 0, 30)
            now = datetime.now(UTC)
            service.take(Event("cam", "night", 1, "person", now))
            service.take(Event("cam", "night", 1, "person", now, EventPhase.ENDED, now))
            wait_until(lambda: service.report()["cam"]["bytes_written"] > 150_000, 30)
            pipeline.remove("cam")
            service.release("cam")
            wait_until(lite.rows, 30)
    finally:
        pipeline.close()
    (row,) = lite.rows()
    assert row.has_event
    assert row.started_at < now < row.ended_at
    assert row.expires_at == row.started_at + timedelta(days=30)
    assert play(lite.settings.recordings / row.path).pictures >= 50
    assert service.report() == {}


def test_what_an_earlier_process_left_is_taken_over(lite: Cellar, service: RecordingService, film: Film) -> None:
    shutil.copytree(film.folder, lite.settings.recordings, dirs_exist_ok=True)
    last = lite.settings.recordings / film.kept[-1].path
    part = last.with_name(last.name + PART)
    last.rename(part)
    part.write_bytes(part.read_bytes()[:-50] + b"")
    (last.parent / "notes.txt").write_text("not ours")
    policy = SourcePolicy(AllowedNetworks(loopback=True))
    source = parse_source("rtsp://127.0.0.1:9/none", policy)
    service.attach(Camera("cam", source), lite.camera(mode="continuous"))
    known = {each.segment_id for each in film.kept[:-1]}
    wait_until(lambda: {row.id for row in lite.rows()} >= known, 30)
    for row in lite.rows():
        play(lite.settings.recordings / row.path)
    assert not list(lite.settings.recordings.rglob(f"*{PART}"))
    assert {row.codec for row in lite.rows()} == {"h264"}


def test_an_event_gets_its_clip(lite: Cellar, service: RecordingService, film: Film) -> None:
    enter_film(lite, film)
    begun = film.kept[1].started_at + timedelta(seconds=0.2)
    over = begun + timedelta(seconds=0.1)
    ago = datetime.now(UTC) - timedelta(minutes=3)
    shift = ago - over if over > ago else timedelta()  # as if some time had gone by
    with lite.database.write() as session:
        for row in session.exec(segments.select(RecordingSegment)):
            row.started_at, row.ended_at = row.started_at + shift, row.ended_at + shift
            session.add(row)
        session.add(
            CameraEvent(id="e1", camera_id="cam", camera_name="door", started_at=begun + shift, ended_at=over + shift)
        )
    assert service.clips.write_due({"cam": RecordingSettings(mode="events", pre_s=1, post_s=1)}) == 1
    with lite.database.read() as session:
        event = session.get(CameraEvent, "e1")
    assert event is not None
    assert event.clip == "clips/cam/e1.mp4"
    path = lite.settings.home / "clip.mp4"
    path.write_bytes(lite.storage.get(event.clip))
    assert play(path).pictures >= 50
    assert service.clips.write_due({"cam": RecordingSettings(mode="events")}) == 0
    assert not list((lite.settings.recordings / ".scratch").iterdir())


def test_who_may_see_export_and_delete_what(lite: Cellar, film: Film) -> None:
    enter_film(lite, film)
    lite.camera()
    library, first, last = lite.library(), film.kept[0], film.kept[-1]
    found, total = library.page(OPERATOR, SegmentFilter("cam", holds="continuous"))
    assert total == len(found) == len(film.kept)
    assert found[0].id == last.segment_id
    assert library.page(OPERATOR, SegmentFilter("cam", holds="motion"))[1] == 0
    assert len(library.spans(OPERATOR, "cam", first.started_at, last.ended_at)) >= 1
    made = library.export(OPERATOR, "cam", first.started_at, last.ended_at)
    assert play(made.path).pictures == made.pictures
    with pytest.raises(RecordingNotFound):
        library.export(OPERATOR, "cam", last.ended_at + timedelta(hours=1), last.ended_at + timedelta(hours=2))
    with pytest.raises(InvalidInput):
        library.export(OPERATOR, "cam", first.started_at, first.started_at + timedelta(days=1))
    with pytest.raises(CameraNotFound):
        library.export(OPERATOR, "none", first.started_at, last.ended_at)
    for refused in (
        lambda: library.page(USER),
        lambda: library.get(USER, first.segment_id),
        lambda: library.export(USER, "cam", first.started_at, last.ended_at),
        lambda: library.delete(OPERATOR, first.segment_id),
    ):
        with pytest.raises(Forbidden):
            refused()
    library.delete(ADMIN, first.segment_id)
    with pytest.raises(RecordingNotFound):
        library.get(ADMIN, first.segment_id)
    assert not (lite.settings.recordings / first.path).exists()
    with lite.database.read() as session:
        told = [entry.action for entry in session.exec(segments.select(AuditEntry))]
    assert told == ["recording.export", "recording.delete"]


@pytest.mark.parametrize(
    ("has_motion", "has_event", "days"), [(False, False, 3), (True, False, 7), (True, True, 30), (False, True, 30)]
)
def test_until_when_a_recording_is_kept(has_motion: bool, has_event: bool, days: int) -> None:
    begun = datetime(2026, 5, 4, tzinfo=UTC)
    found = expiry(RecordingSettings(), begun, has_motion=has_motion, has_event=has_event)
    assert found == begun + timedelta(days=days)


def test_two_cleaners_at_once_delete_what_is_due_and_nothing_else(cellar: Cellar) -> None:
    cellar.camera(mode="continuous", most_gb=0.000_03)  # 30 kB
    past = datetime.now(UTC) - timedelta(days=1)
    for number in range(20):
        cellar.put(number, expires_at=past)
    for number in range(20, 60):
        cellar.put(number)
    cleaners = [Retention(cellar.database, cellar.places, lambda: 1 << 40) for _ in range(2)]
    together = threading.Barrier(2)
    removed = []

    def sweep(cleaner: Retention) -> None:
        together.wait()
        removed.append(cleaner.sweep(1 << 30))

    threads = [threading.Thread(target=sweep, args=(each,)) for each in cleaners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    left = [row.path for row in cellar.rows()]
    assert sum(each.expired for each in removed) == 20
    assert len(left) <= 30
    assert len(left) >= 20  # each of two may take one too many, not all
    assert left == sorted(f"cam/{path.name}" for path in (cellar.settings.recordings / "cam").iterdir())
    assert left[-1] == "cam/059.mp4"


def test_room_is_made_of_what_is_least_wanted(cellar: Cellar) -> None:
    cellar.camera(mode="continuous")
    kinds = ({"has_event": True}, {"has_motion": True}, {}, {"has_motion": True, "has_event": True})
    for number in range(12):
        cellar.put(number, **kinds[number % 4])

    def free() -> int:  # a disk of 12 files
        return 12_000 - sum(path.stat().st_size for path in cellar.settings.recordings.rglob("*.mp4"))

    gone = Retention(cellar.database, cellar.places, free).make_room(4_000)
    assert gone == Counter({"cam": 5})  # a quarter more than was asked for
    assert [int(row.id, 16) for row in cellar.rows()] == [0, 3, 4, 7, 8, 9, 11]
    Retention(cellar.database, cellar.places, free).make_room(8_000)
    assert [int(row.id, 16) for row in cellar.rows()] == [7, 11]  # the newest of those with events


def test_new_times_count_for_what_is_there_already(lite: Cellar, service: RecordingService) -> None:
    source = parse_source("rtsp://10.0.0.7/none", SourcePolicy(AllowedNetworks()))
    record = lite.camera(mode="continuous")
    now = datetime.now(UTC)
    for number in range(3):
        lite.put(number, has_event=number == 1, started_at=now)
    service.attach(Camera("cam", source), record)
    days = timedelta(days=3), timedelta(days=30), timedelta(days=3)  # changed while it was not recorded
    wait_until(lambda: [row.expires_at for row in lite.rows()] == [now + each for each in days], 30)
    record.recording = {"mode": "continuous", "retention_days": {"continuous": 0, "motion": 1, "events": 9}}
    service.attach(Camera("cam", source), record)
    wait_until(lambda: [row.expires_at for row in lite.rows()] == [None, now + timedelta(days=9), None], 30)


def test_what_is_being_written_is_not_taken_for_left_when_settings_change(
    lite: Cellar, service: RecordingService, clip_h264: bytes
) -> None:
    policy, record = SourcePolicy(AllowedNetworks(loopback=True)), lite.camera(mode="events")
    with RtspCamera(clip_h264) as source, _running(service, policy) as pipeline:
        camera = service.attach(Camera("cam", parse_source(source.url, policy)), record)
        pipeline.add(camera)
        wait_until(lambda: service.report()["cam"]["bytes_written"] > 0, 30)
        record.name = "gate"
        assert service.attach(Camera("cam", camera.source), record) == camera  # nothing to connect anew for
        for mode in ("motion", "off", "events"):
            record.recording = {"mode": mode}
            camera = service.attach(Camera("cam", camera.source), record)
        pipeline.remove("cam")
        pipeline.add(camera)
        now = datetime.now(UTC)
        service.take(Event("cam", "night", 1, "person", now))
        wait_until(lambda: service.report()["cam"]["bytes_written"] > 0, 30)
        pipeline.remove("cam")
        service.release("cam")
        wait_until(lite.rows, 30)
    assert [(row.has_event, row.camera_name) for row in lite.rows()] == [(True, "gate")]
    assert len(list(lite.settings.recordings.rglob("*.mp4*"))) == 1


@contextmanager
def _running(service: RecordingService, policy: SourcePolicy) -> Iterator[Pipeline]:
    pipeline = Pipeline(policy, sinks=(service.take,))
    try:
        yield pipeline
    finally:
        pipeline.close()


def test_what_is_kept_moves_into_the_bucket_and_is_read_from_there(
    lite: Cellar, film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.server import ThreadedMotoServer

    for name, value in {"ACCESS_KEY_ID": "tests", "SECRET_ACCESS_KEY": "tests", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    httpx.put(f"{url}/vision", timeout=60).raise_for_status()
    settings = lite.settings.model_copy(update={"recordings_upload": True})
    storage = S3Storage("vision", "site", endpoint=url, patience_s=10)
    enter_film(lite, film)
    with lite.database.write() as session:
        for row in session.exec(segments.select(RecordingSegment)):
            row.ended_at -= timedelta(hours=1)
            session.add(row)
    made = RecordingService(settings, lite.live, lite.database, storage)
    try:
        source = parse_source("rtsp://10.0.0.7/none", SourcePolicy(AllowedNetworks()))
        made.attach(Camera("cam", source), lite.camera(mode="continuous"))
        wait_until(lambda: all(row.path.startswith("recordings/cam/") for row in lite.rows()), 30)
        wait_until(lambda: not list(settings.recordings.rglob("*.mp4")), 30)
        library = Recordings(settings, lite.live, lite.database, storage)
        path = settings.home / "again.mp4"
        for _ in range(2):
            with library.open(ADMIN, film.kept[0].segment_id) as file:
                path.write_bytes(file.read())
            assert play(path).pictures == 25
        assert len(list(settings.recordings.rglob("*.mp4"))) == 1  # fetched once
        library.delete(ADMIN, film.kept[0].segment_id)
        assert len(list(storage.keys("recordings/"))) == len(film.kept) - 1
    finally:
        made.close()
        server.stop()


def test_a_full_disk_is_told_as_an_event(lite: Cellar, service: RecordingService) -> None:
    record = lite.camera(mode="continuous")
    lite.put(1)
    SettingsEditor(lite.database, lite.live).set(ADMIN, "recording_min_free_mb", 10_485_760)
    hook = NotificationReceiver(name="hook", kind=ReceiverKind.WEBHOOK, address="", owner_id="a", owner_name="a")
    with lite.database.write() as session:
        session.add(hook)
    assert service.sweep().for_room == {"cam": 1}
    lite.put(2)
    service.sweep()
    with lite.database.read() as session:
        told = session.exec(segments.select(CameraEvent)).all()
        assert notifications.waiting(session) == {hook.id: 1}
    assert [(event.kind, event.camera_name) for event in told] == [("disk", "door")]  # once an hour
    source = parse_source("rtsp://10.0.0.7/none", SourcePolicy(AllowedNetworks()))
    service.attach(Camera("cam", source), record)
    assert service.report()["cam"]["removed_for_room"] == 2
