"""What a real stream left on the disk, analysed as one film."""

from datetime import datetime, timedelta

from registry.jobs.jobs import Jobs
from registry.jobs.rooms import JobRooms
from registry.jobs.running import execute
from registry.jobs.video.analysis import analyse_video
from registry.jobs.video.videos import Asked, Stretch, Videos
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.models.types import CHAMPION
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
