"""What a real stream left on the disk, analysed as one film."""

from datetime import datetime, timedelta

import pytest

from registry.errors import InvalidInput
from registry.jobs.jobs import Jobs
from registry.jobs.rooms import JobRooms
from registry.jobs.running import execute
from registry.jobs.video.analysis import analyse_video
from registry.jobs.video.videos import Asked, Stretch, Videos
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.models.types import CHAMPION
from registry.recordings import library
from registry.records import Job, JobState, jobs
from registry.testing import onnx_models as made
from tests.registry.recordings.conftest import ADMIN, Cellar, Film, enter_film


def test_segments_of_a_stream_are_one_film_for_a_job(
    lite: Cellar, film: Film, models: ModelRegistry, serving: Serving, unique: str
) -> None:
    models.publish(ADMIN, Draft(unique, {"model.onnx": made.blob_detector()}, made.BLOB_CARD, alias=CHAMPION))
    lite.camera()
    enter_film(lite, film)
    store = Jobs(lite.database, lite.storage)
    stretch = Stretch("cam", film.kept[0].started_at, film.kept[-1].ended_at)
    job = Videos(store, models).start_camera(ADMIN, Asked(unique), lite.library(), stretch)
    rooms = JobRooms(models.settings, lite.database, lite.live, lite.storage, models, serving)
    with lite.database.write() as session:
        found = session.get(Job, job.id)
        assert found is not None
        ticket = jobs.hand_over(session, found)
    state, why = execute(lite.database, lite.storage, job.id, ticket, lambda run: analyse_video(run, rooms, 1))
    assert state is JobState.SUCCEEDED, why
    result = store.get(ADMIN, job.id).result
    assert result is not None
    lasts = sum((each.ended_at - each.started_at for each in film.kept), timedelta())
    assert abs(result["video"]["duration_s"] - lasts.total_seconds()) < 0.5
    assert result["pictures"] == result["video"]["pictures"] > 25 * (lasts.total_seconds() - 0.5)
    first, last = (datetime.fromisoformat(result["video"][name]) for name in ("recorded_from", "recorded_to"))
    assert abs(first - film.kept[0].started_at) < timedelta(seconds=0.5)
    assert abs(last - film.kept[-1].ended_at) < timedelta(seconds=1)


def test_more_recordings_than_one_film_holds_are_refused_and_not_cut_off(
    lite: Cellar, film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter_film(lite, film)
    span = (film.kept[0].started_at, film.kept[-1].ended_at)
    monkeypatch.setattr(library, "_MOST_SEGMENTS", len(film.kept) - 1)
    for ask in (lite.library().export, lite.library().film):
        with pytest.raises(InvalidInput, match="ask for a shorter time"):
            ask(ADMIN, "cam", *span)
    monkeypatch.setattr(library, "_MOST_SEGMENTS", len(film.kept))
    made = lite.library().film(ADMIN, "cam", *span)
    made.path.unlink()
    assert made.ended_at - made.started_at > span[1] - span[0] - timedelta(seconds=1)
