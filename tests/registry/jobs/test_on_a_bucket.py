"""Whole jobs on S3 storage while the service goes away: nothing is lost, nothing is done twice."""

import io
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd
import pytest

from registry.access.actor import local_actor
from registry.jobs.batch import predict_batch
from registry.jobs.batch_inputs import Upload
from registry.jobs.batches import Asked, Batches
from registry.jobs.jobs import Jobs
from registry.jobs.rooms import JobRooms
from registry.jobs.running import JobRun, Result, execute
from registry.jobs.video import segments
from registry.jobs.video.analysis import analyse_video
from registry.jobs.video.parameters import VideoAsked
from registry.jobs.video.videos import Asked as VideoWanted
from registry.jobs.video.videos import Videos
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.models.types import CHAMPION
from registry.records import Database, Job, JobState, jobs
from registry.storage import S3Storage
from registry.testing import onnx_models as made
from registry.testing.films import recorded_film
from registry.vision.encoding import encode_png
from tests.registry.s3_service import BUCKET, Service

ADA = local_actor()
COUNT = 24
AWAY = [3.0, pytest.param(30.0, marks=[pytest.mark.slow, pytest.mark.timeout(180)])]
Work = Callable[[JobRun, JobRooms], Result]


@dataclass(frozen=True)
class Works:
    """One platform's jobs on a bucket, run in this process by hand."""

    service: Service
    rooms: JobRooms
    jobs: Jobs
    model: str

    def batch(self) -> Job:
        uploads = [Upload(f"{number:02d}.png", [_blob(100 + number)]) for number in range(COUNT)]
        return Batches(self.jobs, self.rooms.models).start_uploads(ADA, Asked(self.model, annotate=True), uploads)

    def video(self) -> Job:
        about = VideoAsked.model_validate({"track": True})
        videos = Videos(self.jobs, self.rooms.models)
        return videos.start_upload(ADA, VideoWanted(self.model, about=about), "a.mp4", [recorded_film(4)])

    def run(self, job: Job, work: Work, storage: S3Storage | None = None, told: Callable[[int], None] = print) -> Job:
        """One run of a job; `told` hears how much is done."""
        kept = storage or self.rooms.storage
        rooms = JobRooms(
            self.rooms.settings, self.rooms.database, self.rooms.live, kept, self.rooms.models, self.rooms.serving
        )

        def listening(run: JobRun) -> Result:
            tell = run.progress

            def progress(done: int, total: int, stage: str) -> None:
                tell(done, total, stage)
                told(done)

            run.progress = progress  # type: ignore[method-assign]
            return work(run, rooms)

        with rooms.database.write() as session:
            found = session.get(Job, job.id)
            assert found is not None
            ticket = jobs.hand_over(session, found)
        execute(rooms.database, kept, job.id, ticket, listening)
        return self.jobs.get(ADA, job.id)

    def read(self, job: Job, name: str) -> bytes:
        with self.jobs.open_result(ADA, job.id, name)[0] as file:
            return file.read()


@pytest.fixture
def works(models: ModelRegistry, serving: Serving, sqlite: Database, service: Service, unique: str) -> Works:
    models.publish(ADA, Draft(unique, {"model.onnx": made.blob_detector()}, made.BLOB_CARD, alias=CHAMPION))
    storage = S3Storage(BUCKET, unique, endpoint=service.url)
    rooms = JobRooms(models.settings, sqlite, models.live, storage, models, serving)
    return Works(service, rooms, Jobs(sqlite, storage), unique)


@pytest.fixture
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "PICTURES", 10)


def _blob(level: int) -> bytes:
    image = np.zeros((64, 64, 3), np.uint8)
    image[16:32, 16:32] = level
    return encode_png(image)


class Outage:
    """Takes the service away for some seconds as soon as so much is done."""

    def __init__(self, service: Service, done: int, seconds: float) -> None:
        self._service, self._done, self._seconds = service, done, seconds
        self._back = threading.Timer(seconds, service.start)
        self._began = 0.0

    def __call__(self, done: int) -> None:
        if done >= self._done and not self._began:
            self._began = time.monotonic()
            self._service.stop()
            self._back.start()

    def end(self) -> float:
        """Wait until it is over; how long ago it began, in seconds."""
        assert self._began, "the service went away while the job was at work"
        since = time.monotonic() - self._began
        self._back.join()
        return since


def _whole_batch(works: Works, job: Job) -> None:
    assert job.state == JobState.SUCCEEDED, job.error
    lines = [json.loads(line) for line in works.read(job, "results.jsonl").splitlines()]
    assert [line["file"] for line in lines] == [f"{number:02d}.png" for number in range(COUNT)]
    assert {len(line["detections"]) for line in lines} == {4}, "the square covers four cells of the network"
    assert len(pd.read_parquet(io.BytesIO(works.read(job, "results.parquet")))) == 4 * COUNT
    assert list(works.rooms.storage.keys(f"jobs/{job.id}/parts/")) == []


def _whole_video(works: Works, job: Job, count: int) -> None:
    assert job.state == JobState.SUCCEEDED, job.error
    assert job.result is not None
    assert job.result["pictures"] == count
    with av.open(io.BytesIO(works.read(job, "annotated.mp4"))) as film:
        assert sum(1 for _ in film.decode(video=0)) == count
    table = pd.read_parquet(io.BytesIO(works.read(job, "results.parquet")))
    assert table["picture"].is_monotonic_increasing
    assert not table.duplicated(["picture", "x1", "y1", "x2", "y2"]).any()


@pytest.mark.parametrize("away_s", AWAY)
def test_a_batch_outlasts_a_service_that_is_away(works: Works, away_s: float) -> None:
    job, outage = works.batch(), Outage(works.service, 8, away_s)
    ended = works.run(job, predict_batch, told=outage)
    assert outage.end() >= away_s
    _whole_batch(works, ended)
    assert ended.attempts == 1


@pytest.mark.parametrize("away_s", AWAY)
def test_a_video_outlasts_a_service_that_is_away(works: Works, short_segments: None, away_s: float) -> None:
    job, outage = works.video(), Outage(works.service, 15, away_s)
    ended = works.run(job, lambda run, rooms: analyse_video(run, rooms, 1), told=outage)
    assert outage.end() >= away_s
    _whole_video(works, ended, 40)
    assert ended.attempts == 1


@pytest.mark.parametrize("kind", ["batch", "video"])
def test_a_job_whose_service_stays_away_waits_and_goes_on(works: Works, short_segments: None, kind: str) -> None:
    is_batch = kind == "batch"
    job: Job = works.batch() if is_batch else works.video()
    work: Work = predict_batch if is_batch else lambda run, rooms: analyse_video(run, rooms, 1)
    hasty = S3Storage(BUCKET, works.model, endpoint=works.service.url, patience_s=0.5)
    outage = Outage(works.service, 12, 4.0)
    waiting = works.run(job, work, hasty, told=outage)
    assert (waiting.state, waiting.error, waiting.losses) == (JobState.QUEUED, None, 1)
    assert waiting.not_before is not None
    outage.end()
    ended = works.run(waiting, work)
    if is_batch:
        _whole_batch(works, ended)
    else:
        _whole_video(works, ended, 40)
    assert ended.attempts == 2


def test_results_are_read_in_parts_from_where_they_are(works: Works, tmp_path: Path) -> None:
    ended = works.run(works.video(), lambda run, rooms: analyse_video(run, rooms, 1))
    with works.jobs.open_result_in_parts(ADA, ended.id, "annotated.mp4") as film:
        film.seek(4)
        assert film.read(4) == b"ftyp"
    about: Any = json.loads(works.read(ended, "summary.json"))
    assert about["pictures"] == 40
