"""One platform's videos, run in this process by hand, and a clip of digits that move."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pandas as pd
import pytest

from registry.access.actor import local_actor
from registry.jobs.jobs import Jobs
from registry.jobs.rooms import JobRooms
from registry.jobs.running import JobRun, execute
from registry.jobs.video import segments
from registry.jobs.video.analysis import analyse_video
from registry.jobs.video.parameters import VideoAsked
from registry.jobs.video.videos import Asked, Videos
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.models.thresholds import Thresholds
from registry.models.types import CHAMPION
from registry.records import Database, Job, JobState, jobs
from registry.runtime.card import MODEL_FILE, ModelCard
from registry.settings import PROJECT_ROOT
from registry.storage import LocalStorage
from registry.testing.video import Clip, write_digit_clip
from registry.training.digits import load_digits

ADA = local_actor()
STARTER = PROJECT_ROOT / "data" / "starter" / "digit-detector"
ZONE = {"name": "left", "polygon": [(0, 0), (0.5, 0), (0.5, 1), (0, 1)]}
LINE = {"name": "middle", "start": (0.5, 0), "end": (0.5, 1)}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of three digits that move: 100 pictures, a key frame each second."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    write_digit_clip(path, load_digits(), Clip(seconds=4.0, size_wh=(320, 180)))
    return path


class Works:
    """One platform's videos, run in this process by hand."""

    def __init__(self, models: ModelRegistry, serving: Serving, database: Database, folder: Path, name: str) -> None:
        self.models, self.serving, self.database, self.name = models, serving, database, name
        self.storage = LocalStorage(folder)
        self.jobs = Jobs(database, self.storage)
        self.videos = Videos(self.jobs, models)
        self.rooms = JobRooms(models.settings, database, models.live, self.storage, models, serving)
        files: dict[str, bytes | Path] = {MODEL_FILE: (STARTER / "model.onnx").read_bytes()}
        card = ModelCard.parse((STARTER / "card.json").read_text())
        models.publish(ADA, Draft(name, files, card, alias=CHAMPION))

    def start(self, path: Path, confidence: float | None = None, **about: Any) -> Job:
        asked = Asked(self.name, thresholds=Thresholds(confidence), about=VideoAsked.model_validate(about))
        return self.videos.start_upload(ADA, asked, path.name, [path.read_bytes()])

    def run(self, job: Job, work: Callable[[JobRun], dict[str, Any]] | None = None, lanes: int = 1) -> Job:
        with self.database.write() as session:
            found = session.get(Job, job.id)
            assert found is not None
            ticket = jobs.hand_over(session, found)
        own = work or (lambda run: analyse_video(run, self.rooms, lanes))
        execute(self.database, self.storage, job.id, ticket, own)
        return self.jobs.get(ADA, job.id)

    def read(self, job: Job, name: str) -> bytes:
        with self.jobs.open_result(ADA, job.id, name)[0] as file:
            return file.read()

    def table(self, job: Job, name: str = "results.parquet") -> pd.DataFrame:
        data = io.BytesIO(self.read(job, name))
        return pd.read_parquet(data) if name.endswith("parquet") else pd.read_csv(data)

    def film(self, job: Job) -> list[float]:
        """The times of a film's pictures, after a look at its shape."""
        data = self.read(job, "annotated.mp4")
        assert data.index(b"moov") < data.index(b"mdat"), "players begin before the whole is there"
        with av.open(io.BytesIO(data)) as film:
            codec = film.streams.video[0].codec_context
            assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
            return [round(float(frame.time or 0), 3) for frame in film.decode(video=0)]


@pytest.fixture
def works(models: ModelRegistry, serving: Serving, sqlite: Database, tmp_path: Path, unique: str) -> Works:
    return Works(models, serving, sqlite, tmp_path / "storage", unique)


@pytest.fixture
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "PICTURES", 20)


def succeeded(job: Job) -> dict[str, Any]:
    assert job.state == JobState.SUCCEEDED, job.error
    assert job.result is not None
    return job.result
