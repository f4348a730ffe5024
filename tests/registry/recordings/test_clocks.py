"""Recordings and clips where the clock of the host was set meanwhile."""

from datetime import UTC, datetime, timedelta

from registry.cameras.recording import RecordingSettings
from registry.recordings.clips import Clips
from registry.recordings.touches import Touches
from registry.records import CameraEvent, RecordingSegment
from tests.registry.recordings.conftest import Cellar, Film, enter_film


def test_an_event_touches_as_long_as_it_lasted_whatever_the_clock_says() -> None:
    touches = Touches()
    touches.begin("e", 100.0)
    touches.end("e", 3_700.0, 5.0)  # where its begin would be by the clock of now
    assert touches.overlap(104.0, 104.5)
    assert not touches.overlap(106.0, 3_800.0)
    touches.end("unknown", 4_000.0, 5.0)
    assert touches.overlap(4_004.0, 4_006.0)


def test_an_event_that_ended_before_it_began_has_its_whole_clip(lite: Cellar, film: Film) -> None:
    enter_film(lite, film)
    shift = datetime.now(UTC) - timedelta(minutes=5) - film.kept[0].ended_at
    with lite.database.write() as session:
        for each in film.kept:
            row = session.get(RecordingSegment, each.segment_id)
            assert row is not None
            row.started_at, row.ended_at = each.started_at + shift, each.ended_at + shift
            session.add(row)
        at = film.kept[1].started_at + shift
        over = at - timedelta(minutes=3)  # as a release kept it that took both times from the clock
        session.add(CameraEvent(id="e1", camera_id="cam", camera_name="door", started_at=at, ended_at=over))
    settings = {"cam": RecordingSettings(mode="events", pre_s=0, post_s=1)}
    assert Clips(lite.database, lite.places).write_due(settings) == 1
    with lite.database.read() as session:
        event = session.get(CameraEvent, "e1")
    assert event is not None
    assert lite.storage.exists(event.clip)
