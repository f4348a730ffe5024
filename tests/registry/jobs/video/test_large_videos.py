"""A video of more than 4 GiB: read in place and sent, with offsets of 64 bits, and never as a whole in memory."""

import resource
from pathlib import Path

import pytest

from registry.access.actor import local_actor
from registry.jobs.jobs import Jobs
from registry.jobs.rooms import JobRooms
from registry.jobs.running import execute
from registry.jobs.video.analysis import analyse_video
from registry.jobs.video.parameters import VideoAsked
from registry.jobs.video.videos import Asked, Videos
from registry.models.publish import Draft
from registry.models.quarantine import chunks_of
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.models.types import CHAMPION
from registry.records import Database, Job, JobState, jobs
from registry.storage import LocalStorage
from registry.testing import onnx_models as made
from registry.testing.large_videos import beyond_4_gib
from registry.testing.odd_videos import odd_video
from registry.testing.video import Clip, write_digit_clip
from registry.training.digits import load_digits

ADA = local_actor()
MOST_GROWN_MB = 300  # the network, pictures and FFmpeg's pipes; the file has fifteen times as much
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of pictures behind more than 4 GiB of nothing."""
    folder = tmp_path_factory.mktemp("large")
    write_digit_clip(folder / "clip.mp4", load_digits(), Clip(seconds=4.0, size_wh=(320, 180)))
    large = beyond_4_gib(odd_video(folder / "clip.mp4", "late_index", folder), folder / "large.mp4")
    assert large.stat().st_size > 4 << 30
    assert large.stat().st_blocks * 512 < 64 << 20, "it takes hardly any room"
    return large


@pytest.mark.parametrize("way", ["in place", "sent"])
def test_a_video_beyond_4_gib_is_analysed(
    models: ModelRegistry, serving: Serving, sqlite: Database, tmp_path: Path, unique: str, film: Path, way: str
) -> None:
    models.publish(ADA, Draft(unique, {"model.onnx": made.blob_detector()}, made.BLOB_CARD, alias=CHAMPION))
    models.settings = models.settings.model_copy(update={"batch_folders": (str(film.parent),)})
    storage = LocalStorage(tmp_path / "storage")
    store = Jobs(sqlite, storage)
    asked = Asked(unique, about=VideoAsked(every=10))
    before = _most_mb()
    if way == "in place":
        job = Videos(store, models).start_path(ADA, asked, str(film))
    else:
        job = Videos(store, models).start_upload(ADA, asked, film.name, chunks_of(film, 8_192))
        assert storage.size(f"jobs/{job.id}/input/video") == film.stat().st_size
    rooms = JobRooms(models.settings, sqlite, models.live, storage, models, serving)
    with sqlite.write() as session:
        found = session.get(Job, job.id)
        assert found is not None
        ticket = jobs.hand_over(session, found)
    state, why = execute(sqlite, storage, job.id, ticket, lambda run: analyse_video(run, rooms, 1))
    assert state is JobState.SUCCEEDED, why
    result = store.get(ADA, job.id).result
    assert result is not None
    assert (result["pictures"], result["video"]["pictures"], result["video"]["duration_s"]) == (10, 100, 4.0)
    assert _most_mb() - before < MOST_GROWN_MB
    assert not list(storage.keys(f"jobs/{job.id}/input/"))


def _most_mb() -> float:
    """The most memory that this process ever had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
