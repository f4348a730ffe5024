"""Films are made whole, few at a time, and leave nothing behind."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import pytest

from registry.cameras.recording import RecordingSettings
from registry.errors import (
    Conflict,
    DatabaseUnavailable,
    InvalidInput,
    RegistryError,
    StorageUnavailable,
    TooManyRequests,
)
from registry.recordings import films as films_module
from registry.recordings import joining
from registry.recordings import library as library_module
from registry.recordings.clips import Clips
from registry.recordings.films import Films
from registry.recordings.joining import Piece, Source, join, pieces_of
from registry.recordings.places import Places
from registry.recordings.scratch import Scratch
from registry.records import CameraEvent, RecordingSegment
from registry.records.segments import SegmentFilter
from registry.testing.played import play
from tests.registry.recordings.conftest import ADMIN, Cellar, Film, enter_film


def _run(film: Film) -> list[Piece]:
    sources = [Source(film.folder / each.path, each.started_at) for each in film.kept]
    return pieces_of(sources, film.kept[0].started_at, film.kept[-1].ended_at)[0]


def test_a_joiner_that_complains_a_lot_is_not_waited_for(
    film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loud = tmp_path / "loud"
    loud.write_text("#!/bin/sh\nfor i in 1 2 3 4 5 6 7 8; do head -c 100000 /dev/zero | tr '\\0' x >&2; done\n"
                    "echo >&2; echo 'too loud' >&2; exit 1\n")  # fmt: skip
    loud.chmod(0o700)
    monkeypatch.setattr(joining, "get_ffmpeg_exe", lambda: str(loud))
    with pytest.raises(StorageUnavailable, match="too loud"):
        join(_run(film), tmp_path / "clip.mp4", 1 << 30, timeout_s=20)
    assert not (tmp_path / "clip.mp4").exists()


def test_an_export_whose_files_go_meanwhile_is_asked_again_and_never_cut_short(
    lite: Cellar, film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter_film(lite, film)
    real, begin, end = joining.join, film.kept[0].started_at, film.kept[-1].ended_at
    going = [each.path for each in film.kept[1:]]

    def join_late(run: list[Piece], target: Path, most_bytes: int) -> joining.Joined:
        if going:
            (lite.settings.recordings / going.pop()).unlink()
        return real(run, target, most_bytes)

    monkeypatch.setattr(films_module, "join", join_late)
    with pytest.raises(Conflict, match="meanwhile"):
        lite.library().export(ADMIN, "cam", begin, end)
    assert [path for path in lite.places.scratch.rglob("*") if path.is_file()] == []
    going.clear()
    made = lite.library().export(ADMIN, "cam", begin, end)
    assert play(made.path).pictures == made.pictures == 25 * (len(film.kept) - 2)


def test_an_export_that_cannot_be_noted_in_the_trail_leaves_no_file(
    lite: Cellar, film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter_film(lite, film)

    def fail(*_given: object) -> None:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(library_module, "trace", fail)
    with pytest.raises(DatabaseUnavailable):
        lite.library().export(ADMIN, "cam", film.kept[0].started_at, film.kept[-1].ended_at)
    assert list(lite.places.scratch.iterdir()) == []


def test_what_is_too_large_is_refused_before_anything_is_fetched(lite: Cellar) -> None:
    now = datetime.now(UTC)
    for number in range(4):
        lite.put(number, size_bytes=1 << 40, path=f"recordings/{number}.mp4", started_at=now, ended_at=now)
    with pytest.raises(InvalidInput, match="shorter"):
        lite.library().export(ADMIN, "cam", now - timedelta(minutes=1), now + timedelta(minutes=1))


def test_two_films_are_made_at_a_time(lite: Cellar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(films_module, "_PATIENCE_S", 0.1)
    films, go_on, told = Films(lite.live, lite.places), Event(), []
    now = datetime.now(UTC)

    def read() -> list[RecordingSegment]:
        go_on.wait(60)
        return []

    def ask() -> None:
        try:
            films.join(read, now, now, 1 << 20)
        except RegistryError as error:
            told.append(type(error))

    threads = [Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    _until(lambda: told == [TooManyRequests])
    go_on.set()
    for thread in threads:
        thread.join()
    assert len(told) == 3


def test_what_was_made_is_kept_while_there_is_room(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(path: Path) -> None:
        made.append(path)
        path.write_bytes(b"x" * 400)

    kept = Scratch(tmp_path / "kept", 1_000)
    for name in ("a", "a", "b", "a", "c"):
        with kept.open(name, make) as file:
            assert len(file.read()) == 400
        time.sleep(0.02)  # file times differ
    assert len(made) == 3
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["a", "c"]
    kept.drop("a")
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["c"]


def test_what_nobody_came_back_for_is_swept(lite: Cellar) -> None:
    passed = [0.0]
    places = Places(lite.settings.recordings, lite.storage, monotonic=lambda: passed[0])
    (places.scratch / "kept").mkdir(parents=True)
    for name in ("old.mp4", "kept/old.mp4", "used.mp4"):
        (places.scratch / name).touch()
        os.utime(places.scratch / name, (1_000_000.0,) * 2)  # the clock has leapt forward since: that tells nothing
    places.tidy()
    passed[0] = 3_000.0
    os.utime(places.scratch / "used.mp4")
    places.tidy()
    assert len(list(places.scratch.rglob("*.mp4"))) == 3
    passed[0] = 3_700.0
    places.tidy()
    assert [path.name for path in places.scratch.rglob("*.mp4")] == ["used.mp4"]


def _event(lite: Cellar, name: str, over: datetime) -> None:
    with lite.database.write() as session:
        at = over - timedelta(seconds=1)
        session.add(CameraEvent(id=name, camera_id="cam", camera_name="door", started_at=at, ended_at=over))


def test_a_clip_waits_for_its_last_segment(lite: Cellar, film: Film) -> None:
    enter_film(lite, film)
    late = datetime.now(UTC) - timedelta(seconds=60) - film.kept[1].ended_at
    with lite.database.write() as session:
        for each in film.kept:
            row = session.get(RecordingSegment, each.segment_id)
            assert row is not None
            row.started_at, row.ended_at = each.started_at + late, each.ended_at + late
            if each is not film.kept[0]:
                session.delete(row)
    _event(lite, "e1", film.kept[0].ended_at + late - timedelta(seconds=0.1))
    clips, settings = Clips(lite.database, lite.places), {"cam": RecordingSettings(mode="events", pre_s=0, post_s=1)}
    assert clips.write_due(settings) == 0
    with lite.database.write() as session:
        each = film.kept[1]
        times = {"started_at": each.started_at + late, "ended_at": each.ended_at + late + timedelta(seconds=1)}
        given = {"path": each.path, "size_bytes": each.size_bytes, "codec": each.codec}
        session.add(RecordingSegment(id=each.segment_id, camera_id="cam", camera_name="door", **given, **times))
    assert Clips(lite.database, lite.places).write_due(settings) == 1


def test_events_without_recordings_hold_up_no_other(lite: Cellar, film: Film) -> None:
    enter_film(lite, film)
    shift = datetime.now(UTC) - timedelta(minutes=5) - film.kept[0].ended_at
    with lite.database.write() as session:
        for each in film.kept:
            row = session.get(RecordingSegment, each.segment_id)
            assert row is not None
            row.started_at, row.ended_at = each.started_at + shift, each.ended_at + shift
            session.add(row)
    for number in range(60):
        _event(lite, f"none{number}", film.kept[0].started_at + shift - timedelta(minutes=5))
    _event(lite, "e1", film.kept[0].ended_at + shift)
    clips, settings = Clips(lite.database, lite.places), {"cam": RecordingSettings(mode="events", pre_s=0, post_s=0)}
    assert sum(clips.write_due(settings) for _ in range(2)) == 1


def test_a_long_segment_is_found_from_its_end(lite: Cellar) -> None:
    at = datetime.now(UTC)
    lite.put(1, started_at=at, ended_at=at + timedelta(minutes=5))
    found, _ = lite.library().page(ADMIN, SegmentFilter("cam", since=at + timedelta(minutes=4)))
    assert len(found) == 1


def _until(holds: Callable[[], bool]) -> None:
    from registry.testing.watched import wait_until

    wait_until(holds, 30)


def test_recordings_of_a_time_that_ends_before_it_begins_are_refused(lite: Cellar) -> None:
    turned = SegmentFilter(since=datetime(2026, 11, 2, tzinfo=UTC), until=datetime(2026, 11, 1, tzinfo=UTC))
    with pytest.raises(InvalidInput, match="before it begins"):
        lite.library().page(ADMIN, turned)
