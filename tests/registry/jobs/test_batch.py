"""Batches through real registered models: every task, odd images, kills in between, cancelling."""

import dataclasses
import io
import json
import threading
import zipfile
from collections.abc import Callable, Generator, Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from registry.access import Actor
from registry.access.actor import local_actor
from registry.errors import InvalidInput, ModelNotFound, NotFound
from registry.jobs import batch
from registry.jobs.batch import Looker, Stretch, predict_batch
from registry.jobs.batch_inputs import Upload
from registry.jobs.batches import Asked, Batches
from registry.jobs.files import JobFiles
from registry.jobs.jobs import Jobs
from registry.jobs.rooms import JobRooms
from registry.jobs.running import JobRun, execute
from registry.jobs.view import waiting_for
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.models.thresholds import Thresholds
from registry.models.types import CHAMPION
from registry.records import Database, Job, JobState, Runner, jobs, utc_now
from registry.runtime.card import MODEL_FILE, Decoder, ModelCard, Task
from registry.runtime.ocr import bundled_ocr_models
from registry.storage import LocalStorage, S3Storage
from registry.testing import onnx_models as made
from registry.vision.drawing import enlarged
from registry.vision.encoding import encode_png
from tests.registry.full_disk import room_for_files_of
from tests.registry.s3_service import BUCKET, Service

ADA = local_actor()


class Works:
    """One platform's batches, run in this process by hand."""

    def __init__(self, models: ModelRegistry, serving: Serving, database: Database, folder: Path) -> None:
        self.models, self.serving, self.database = models, serving, database
        self.storage = LocalStorage(folder)
        self.jobs = Jobs(database, self.storage)
        self.batches = Batches(self.jobs, models)
        self.rooms = JobRooms(models.settings, database, models.live, self.storage, models, serving)

    def publish(self, name: str, model: bytes, card: ModelCard) -> None:
        self.models.publish(ADA, Draft(name, {MODEL_FILE: model}, card, alias=CHAMPION))

    def start(self, asked: Asked, images: Iterable[tuple[str, bytes]]) -> Job:
        return self.batches.start_uploads(ADA, asked, [Upload(name, [data]) for name, data in images])

    def run(self, job: Job, work: Callable[[JobRun], dict[str, Any]] | None = None) -> Job:
        with self.database.write() as session:
            found = session.get(Job, job.id)
            assert found is not None
            ticket = jobs.hand_over(session, found)
        execute(self.database, self.storage, job.id, ticket, work or (lambda run: predict_batch(run, self.rooms)))
        return self.jobs.get(ADA, job.id)

    def read(self, job: Job, name: str) -> bytes:
        with self.jobs.open_result(ADA, job.id, name)[0] as file:
            return file.read()

    def lines(self, job: Job) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.read(job, "results.jsonl").splitlines()]

    def pictures(self, job: Job) -> list[np.ndarray]:
        with zipfile.ZipFile(io.BytesIO(self.read(job, "annotated.zip"))) as archive:
            return [_decoded(archive.read(name)) for name in sorted(archive.namelist())]

    def table(self, job: Job) -> pd.DataFrame:
        return pd.read_parquet(io.BytesIO(self.read(job, "results.parquet")))


@pytest.fixture
def works(models: ModelRegistry, serving: Serving, sqlite: Database, tmp_path: Path) -> Works:
    return Works(models, serving, sqlite, tmp_path / "storage")


def _blob(level: int = 255, side: int = 64) -> bytes:
    image = np.zeros((side, side, 3), np.uint8)
    image[16:32, 16:32] = level
    return encode_png(image)


def _turned_detector() -> bytes:
    """Finds one plane, turned by half a radian, in every picture."""
    metadata = {"task": "obb", "names": "{0: 'ship', 1: 'plane'}", "imgsz": "[64, 64]"}
    row = np.array([[[32, 24, 30, 10, 0.05, 0.9, 0.5]] * 84], np.float32).reshape(1, 84, 7)
    return made.constant_answer(np.ascontiguousarray(row.transpose(0, 2, 1)), metadata)


TURNED_CARD = ModelCard(
    task=Task.DETECT, decoder=Decoder.YOLO_OBB, labels=("ship", "plane"), input=made.BLOB_CARD.input
)


@pytest.mark.parametrize(
    ("model", "card", "column"),
    [
        (made.blob_detector(), made.BLOB_CARD, "x1"),
        (_turned_detector(), TURNED_CARD, "corners"),
        (made.blob_segmenter(), made.BLOB_SEGMENT_CARD, "area"),
        (made.blob_poser(), made.BLOB_POSE_CARD, "keypoints"),
        (made.colour_classifier(), made.COLOUR_CARD, "label"),
        (made.colour_embedder(), made.COLOUR_EMBED_CARD, "embedding"),
    ],
    ids=["detect", "oriented", "segment", "pose", "classify", "embed"],
)
def test_each_task_answers_as_a_single_prediction_does(
    works: Works, unique: str, model: bytes, card: ModelCard, column: str
) -> None:
    works.publish(unique, model, card)
    job = works.run(works.start(Asked(unique, annotate=True), [("a.png", _blob()), ("b.png", _blob(200))]))
    assert job.state == JobState.SUCCEEDED, job.error
    assert job.result is not None
    assert (job.result["images"], job.result["answered"], job.result["failed"]) == (2, 2, [])
    with works.models.connected() as client:
        noted = client.get_run(job.mlflow_run_id)
    assert noted.data.tags["nexusai.job"] == job.id
    assert (noted.data.metrics["answered"], noted.data.params["model"]) == (2, unique)
    alone = works.serving.predict(ADA, _blob(), model=unique).prediction.to_dict()
    line = works.lines(job)[0]
    assert line.pop("file") == "a.png"
    assert {**line, "timing_ms": 0} == {**json.loads(json.dumps(alone)), "timing_ms": 0}
    table = works.table(job)
    assert set(table["file"]) == {"a.png", "b.png"}
    assert table[column].notna().all()
    pictures = works.pictures(job)
    assert [picture.shape for picture in pictures] == [(320, 320, 3)] * 2  # tiny ones are enlarged
    plain, _ = enlarged(_decoded(_blob()))
    assert np.abs(pictures[0].astype(int) - plain).max() > 60 or card.task is Task.EMBED, "something is drawn on it"


def test_text_is_read_in_a_batch(works: Works, unique: str) -> None:
    pytest.importorskip("rapidocr")
    files = {name: path.read_bytes() for name, path in bundled_ocr_models().items()}
    card = ModelCard(task=Task.OCR, decoder=Decoder.RAPIDOCR)
    works.models.publish(ADA, Draft(unique, files, card, alias=CHAMPION))
    page = np.full((90, 420, 3), 255, np.uint8)
    cv2.putText(page, "hello", (30, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (0, 0, 0), 3)
    job = works.run(works.start(Asked(unique, annotate=True), [("page.png", encode_png(page)), ("dark.png", _blob(0))]))
    assert job.state == JobState.SUCCEEDED, job.error
    assert [[row["text"] for row in line["text"]] for line in works.lines(job)] == [["hello"], []]
    [row] = works.table(job).to_dict("records")
    assert (row["file"], row["text"]) == ("page.png", "hello")
    assert [each.tolist() for each in row["polygon"]] == works.lines(job)[0]["text"][0]["polygon"]
    assert row["x2"] - row["x1"] > 80
    assert works.pictures(job)[0].shape == page.shape
    assert np.abs(works.pictures(job)[0].astype(int) - page).max() > 60
    assert job.result is not None
    assert (job.result["task"], job.result["found"]) == ("ocr", 1)


def _decoded(image: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)


def test_unreadable_images_are_listed_and_the_rest_goes_on(works: Works, unique: str) -> None:
    works.publish(unique, made.blob_detector(), made.BLOB_CARD)
    odd = [("good.png", _blob()), ("cut.png", _blob()[:50]), ("no.jpg", b"\xff\xd8\xff"), ("empty.png", b"")]
    job = works.run(works.start(Asked(unique), [*odd, ("last.png", _blob())]))
    assert job.state == JobState.SUCCEEDED
    assert job.result is not None
    assert [each["file"] for each in job.result["failed"]] == ["cut.png", "no.jpg", "empty.png"]
    assert all(each["code"] == "image_unreadable" and each["message"] for each in job.result["failed"])
    assert [line["file"] for line in works.lines(job)] == [name for name, _ in odd] + ["last.png"]
    assert (job.result["answered"], job.done, job.total) == (2, 5, 5)


def test_a_batch_reads_a_bucket_in_place(works: Works, unique: str, service: Service) -> None:
    works.publish(unique, made.blob_detector(), made.BLOB_CARD)
    bucket = S3Storage(BUCKET, unique, endpoint=service.url)
    for number in range(7):
        bucket.put(f"shift/{number}.png", _blob() if number != 3 else b"no image")
    where = f"s3://{BUCKET}/{unique}/shift"
    settings = works.models.settings.model_copy(
        update={"batch_folders": (f"s3://{BUCKET}/{unique}",), "storage_endpoint": service.url}
    )
    works.models.settings = settings
    works.rooms = dataclasses.replace(works.rooms, settings=settings)
    started = works.batches.start_folder(ADA, Asked(unique), where)
    assert works.batches.start_folder(ADA, Asked(unique), where).id == started.id
    job = works.run(started)
    assert job.state == JobState.SUCCEEDED, job.error
    assert [line["file"] for line in works.lines(job)] == [f"{number}.png" for number in range(7)]
    assert [each["file"] for each in (job.result or {})["failed"]] == ["3.png"]


def test_a_folder_that_is_gone_at_the_batchs_turn_is_waited_for(works: Works, unique: str, tmp_path: Path) -> None:
    works.publish(unique, made.blob_detector(), made.BLOB_CARD)
    folder, aside = tmp_path / "shift", tmp_path / "aside"
    folder.mkdir()
    (folder / "1.png").write_bytes(_blob())
    settings = works.models.settings.model_copy(update={"batch_folders": (str(tmp_path),)})
    works.models.settings = settings
    works.rooms = dataclasses.replace(works.rooms, settings=settings)
    job = works.batches.start_folder(ADA, Asked(unique), str(folder))
    folder.rename(aside)
    waiting = works.run(job)
    assert waiting.state == JobState.QUEUED, waiting.error
    runner = Runner(id="r", beat_at=utc_now())
    assert f"tried again in 2 s: the folder {folder} is not there any more."[:100] in waiting_for(waiting, runner)
    with pytest.raises(NotFound, match="does not exist"):
        works.batches.start_folder(ADA, Asked(unique, thresholds=Thresholds(0.3)), str(folder))
    aside.rename(folder)
    assert works.run(job).state == JobState.SUCCEEDED


def test_stretches_that_are_looked_at_elsewhere_come_to_the_same(works: Works, unique: str) -> None:
    works.publish(unique, made.blob_detector(), made.BLOB_CARD)
    images = [(f"{number}.png", _blob(100 + number) if number != 20 else b"no image") for number in range(40)]
    here = works.run(works.start(Asked(unique, annotate=True), images))
    given: list[tuple[int, int]] = []
    looker = Looker(works.rooms)

    def spread(stretches: Sequence[Stretch]) -> Generator[list[dict[str, Any]] | None, None, None]:
        for each in stretches:
            given.append((each.first, each.end))
            yield None
            yield json.loads(json.dumps(looker.look_at(each), default=str))

    asked = works.start(Asked(unique, annotate=True, thresholds=Thresholds(0.3)), images)
    there = works.run(asked, lambda run: predict_batch(run, works.rooms, spread=spread))
    assert there.state == JobState.SUCCEEDED, there.error
    assert given == [(0, 16), (16, 32), (32, 40)]
    assert (there.result or {})["failed"] == (here.result or {})["failed"]

    def told(job: Job) -> list[dict[str, Any]]:
        return [{**line, "timing_ms": 0} for line in works.lines(job)]

    assert told(there) == told(here)
    archives = [zipfile.ZipFile(io.BytesIO(works.read(job, "annotated.zip"))) for job in (here, there)]
    assert archives[0].namelist() == archives[1].namelist()


def test_a_spread_batch_that_is_cancelled_keeps_what_came(works: Works, unique: str) -> None:
    works.publish(unique, made.blob_detector(), made.BLOB_CARD)
    job = works.start(Asked(unique), [(f"{number}.png", _blob(100 + number)) for number in range(40)])
    closed: list[bool] = []

    def work(run: JobRun) -> dict[str, Any]:
        def spread(stretches: Sequence[Stretch]) -> Generator[list[dict[str, Any]] | None, None, None]:
            try:
                yield Looker(works.rooms).look_at(stretches[0])
                works.jobs.cancel(ADA, job.id)
                run.beat()
                while True:
                    yield None
            finally:
                closed.append(True)

        return predict_batch(run, works.rooms, spread=spread)

    ended = works.run(job, work)
    assert (ended.state, closed) == (JobState.CANCELLED, [True])
    assert len(works.lines(ended)) == 16


def test_the_same_images_asked_for_alike_are_one_job(works: Works, unique: str) -> None:
    works.publish(unique, made.blob_detector(), made.BLOB_CARD)
    images = [("a.png", _blob())]
    first = works.start(Asked(unique), images)
    assert works.start(Asked(unique), images).id == first.id
    assert works.start(Asked(unique, version=1), images).id == first.id  # it is that version
    assert works.start(Asked(unique, thresholds=Thresholds(0.9)), images).id != first.id
    assert works.start(Asked(unique), [("a.png", _blob(99))]).id != first.id
    inputs = {key.split("/")[1] for key in works.storage.keys("jobs/")}
    assert len(inputs) == 3, "what was sent again is not kept again"
    works.run(first)
    assert works.start(Asked(unique), images).id == first.id
    works.publish(unique, made.blob_detector_with_nms(), made.BLOB_NMS_CARD)
    assert works.start(Asked(unique), images).id != first.id  # another version answers now


FORTY = [(f"{number:02d}.png", _blob(100 + number)) for number in range(40)]


def _died_half_way(works: Works, name: str) -> Job:
    """A batch of forty that waits to be tried again; of twenty the answers are stored."""
    works.publish(name, made.blob_detector(), made.BLOB_CARD)
    job = works.start(Asked(name, annotate=True), FORTY)

    class Died(BaseException):
        """As if the process were gone."""

    def dies(run: JobRun) -> dict[str, Any]:
        def progress(done: int, total: int, stage: str) -> None:
            run.done = done
            if done >= 25:
                raise Died

        run.progress = progress  # type: ignore[method-assign]
        return predict_batch(run, works.rooms)

    from registry.jobs import batch_parts

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_parts, "_FLUSH_LINES", 10)
        with pytest.raises(Died):
            works.run(job, dies)
    files = JobFiles(works.storage, job.id)
    kept = [name for name in files.names("parts") if name.endswith(".jsonl")]
    assert kept == ["00000000-00000010.jsonl", "00000010-00000020.jsonl"]
    with works.database.write() as session:
        jobs.put_back(session, job.id, 1)
    return job


def test_a_run_that_died_is_gone_on_with(works: Works, unique: str) -> None:
    job = _died_half_way(works, unique)
    answered = works.serving.answered
    ended = works.run(job)
    assert works.serving.answered - answered == 20, "what was stored is not done again"
    assert [line["file"] for line in works.lines(ended)] == [name for name, _ in FORTY]
    with zipfile.ZipFile(io.BytesIO(works.read(ended, "annotated.zip"))) as archive:
        assert len(archive.namelist()) == 40
    assert all("/results/" in key for key in works.storage.keys(f"jobs/{job.id}/"))


def test_cancelling_after_a_run_died_keeps_what_it_had_stored(works: Works, unique: str) -> None:
    job = _died_half_way(works, unique)
    assert works.jobs.cancel(ADA, job.id).state == JobState.QUEUED
    answered = works.serving.answered
    ended = works.run(job)
    assert works.serving.answered == answered, "nothing is looked at any more"
    assert ended.state == JobState.CANCELLED
    assert [line["file"] for line in works.lines(ended)] == [name for name, _ in FORTY[:20]]
    with zipfile.ZipFile(io.BytesIO(works.read(ended, "annotated.zip"))) as archive:
        assert len(archive.namelist()) == 20


def test_results_without_room_are_waited_for_and_cost_no_finished_image(
    works: Works, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    works.publish(unique, made.blob_detector(), made.BLOB_CARD)
    job = works.start(Asked(unique, annotate=True), [(f"{number}.png", _blob(100 + number)) for number in range(5)])
    write = batch.write_results

    def without_room(*args: Any, **kwargs: Any) -> dict[str, Any]:
        with room_for_files_of(100):
            return write(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(batch, "write_results", without_room)
        waiting = works.run(job)
    assert (waiting.state, waiting.error) == (JobState.QUEUED, None)
    answered = works.serving.answered
    ended = works.run(job)
    assert ended.state == JobState.SUCCEEDED, ended.error
    assert works.serving.answered == answered, "what was stored is not done again"
    assert len(works.lines(ended)) == 5


def test_cancelling_keeps_what_is_finished(works: Works, unique: str) -> None:
    works.publish(unique, made.blob_detector(), made.BLOB_CARD)
    job = works.start(Asked(unique), [(f"{number}.png", _blob(100 + number)) for number in range(60)])

    def cancelled(run: JobRun) -> dict[str, Any]:
        tell = run.progress

        def progress(done: int, total: int, stage: str) -> None:
            tell(done, total, stage)
            if done == 20:
                works.jobs.cancel(ADA, job.id)
                run.beat()

        run.progress = progress  # type: ignore[method-assign]
        return predict_batch(run, works.rooms)

    ended = works.run(job, cancelled)
    assert ended.state == JobState.CANCELLED
    assert ended.result is not None
    assert 20 <= ended.result["images"] < 40
    assert len(works.lines(ended)) == ended.result["images"]
    again = works.start(Asked(unique), [(f"{number}.png", _blob(100 + number)) for number in range(60)])
    assert again.id != job.id


def test_the_version_is_that_of_the_start_whatever_the_alias_does(works: Works, unique: str) -> None:
    works.publish(unique, made.blob_detector(), made.BLOB_CARD)
    job = works.start(Asked(unique), [("a.png", _blob())])
    works.publish(unique, made.blob_detector_with_nms(), made.BLOB_NMS_CARD)
    ended = works.run(job)
    assert ended.result is not None
    assert ended.result["model"] == {"name": unique, "version": 1}


def test_a_model_that_is_gone_fails_the_job_with_what_to_do(works: Works, unique: str) -> None:
    works.publish(unique, made.blob_detector(), made.BLOB_CARD)
    job = works.start(Asked(unique), [("a.png", _blob())])
    with works.models.connected() as client:
        client.delete_registered_model(unique)
    works.serving._resolver.forget(unique)
    ended = works.run(job)
    assert ended.state == JobState.FAILED
    assert ended.error is not None
    assert ended.error["code"] == "model_not_found"
    assert ended.error["hint"]


def test_a_sender_who_goes_away_leaves_nothing(works: Works, unique: str, user: Actor) -> None:
    works.publish(unique, made.blob_detector(), made.BLOB_CARD)

    def breaks() -> Iterable[bytes]:
        yield b"half"
        raise EOFError

    with pytest.raises(EOFError):
        works.batches.start_uploads(ADA, Asked(unique), [Upload("a.png", [_blob()]), Upload("b.png", breaks())])
    assert list(works.storage.keys()) == []
    assert works.jobs.page(ADA) == ([], 0)


def test_nothing_is_started_that_could_not_run(works: Works, unique: str) -> None:
    works.publish(unique, made.blob_detector(), made.BLOB_CARD)
    with pytest.raises(ModelNotFound):
        works.start(Asked("no-such-model"), [("a.png", _blob())])
    with pytest.raises(InvalidInput, match="no image"):
        works.start(Asked(unique), [])
    with pytest.raises(InvalidInput, match="confidence"):
        works.start(Asked(unique, thresholds=Thresholds(1.5)), [("a.png", _blob())])
    assert list(works.storage.keys()) == []


def test_two_who_send_the_same_at_once_get_one_job(works: Works, unique: str) -> None:
    works.publish(unique, made.blob_detector(), made.BLOB_CARD)
    together, found = threading.Barrier(3), []

    def send() -> None:
        together.wait()
        found.append(works.start(Asked(unique), [("a.png", _blob())]).id)

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert len(set(found)) == 1
