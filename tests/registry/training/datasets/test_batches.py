"""Batches over the pictures of a dataset's version."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import registry as nx
from registry.access import Actor
from registry.access.actor import local_actor
from registry.access.live import Live
from registry.errors import DatasetNotFound, InvalidInput, VersionNotFound
from registry.jobs import notebook as in_notebook
from registry.jobs.batch import predict_batch
from registry.jobs.batches import Asked, Batches
from registry.jobs.jobs import Jobs
from registry.jobs.rooms import JobRooms
from registry.jobs.running import execute
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.server import tracking_uri
from registry.models.serving import Serving
from registry.models.types import CHAMPION
from registry.records import Database, Job, JobState, Role, jobs
from registry.runtime.card import MODEL_FILE
from registry.settings import Settings, load_settings
from registry.storage import LocalStorage
from registry.testing import onnx_models as made
from registry.training.datasets import notebook as batches_in_notebook
from registry.training.datasets.catalogue import Datasets
from registry.training.datasets.changes import DatasetChanges, NewVersion
from registry.training.datasets.images import images_of
from registry.training.datasets.workspace import Workspace
from tests.registry.training.datasets.conftest import Pack, deleted_meanwhile, picture

ADA = local_actor()


class Works:
    """One platform's batches over datasets, run in this process by hand."""

    def __init__(
        self, settings: Settings, models: ModelRegistry, serving: Serving, database: Database, folder: Path
    ) -> None:
        self.datasets = Datasets(database, Workspace(settings))
        self.changes = DatasetChanges(settings, database, Live(database, settings), self.datasets)
        self.jobs = Jobs(database, LocalStorage(folder))
        self.batches = Batches(self.jobs, models, images_of(self.datasets))
        self.rooms = JobRooms(settings, database, models.live, self.jobs.storage, models, serving)

    def run(self, job: Job) -> Job:
        with self.rooms.database.write() as session:
            ticket = jobs.hand_over(session, session.get(Job, job.id))  # type: ignore[arg-type]
        work = lambda run: predict_batch(run, self.rooms, images_of(self.datasets))  # noqa: E731
        execute(self.rooms.database, self.rooms.storage, job.id, ticket, work)
        return self.jobs.get(ADA, job.id)

    def lines(self, job: Job) -> list[dict[str, Any]]:
        with self.jobs.open_result(ADA, job.id, "results.jsonl")[0] as file:
            return [json.loads(line) for line in file.read().splitlines()]


@pytest.fixture
def works(
    settings: Settings, models: ModelRegistry, serving: Serving, sqlite: Database, tmp_path: Path, unique: str
) -> Works:
    opened = Works(settings, models, serving, sqlite, tmp_path / "storage")
    models.publish(ADA, Draft(unique, {MODEL_FILE: made.blob_detector()}, made.BLOB_CARD, alias=CHAMPION))
    return opened


def _pets(count: int) -> dict[str, str | bytes]:
    members: dict[str, str | bytes] = {"data.yaml": "names: [cat, dog]\n"}
    for number in range(count):
        members[f"images/train/{number}.png"] = picture(number)
        members[f"labels/train/{number}.txt"] = "0 0.5 0.5 0.5 0.5\n"
    return members


def test_every_picture_of_the_version_is_answered(works: Works, pack: Pack, unique: str) -> None:
    works.changes.add(ADA, pack(_pets(3)), NewVersion("pets"))
    started = works.batches.start_dataset(ADA, Asked(unique), "pets")
    assert started.parameters["source"] == "dataset:pets/1"
    assert works.batches.start_dataset(ADA, Asked(unique), "pets/1").id == started.id
    works.changes.add(ADA, pack(_pets(5)), NewVersion("pets"))
    assert works.batches.start_dataset(ADA, Asked(unique), "pets").total == 5
    job = works.run(started)
    assert job.state == JobState.SUCCEEDED, job.error
    samples = works.datasets.open(ADA, "pets", 1).dataset.samples
    assert [line["file"] for line in works.lines(job)] == [sample.file for sample in samples]
    assert (job.result or {})["answered"] == 3


def test_a_dataset_deleted_before_its_turn_fails_the_batch_with_its_name(works: Works, pack: Pack, unique: str) -> None:
    works.changes.add(ADA, pack(_pets(2)), NewVersion("pets"))
    started = works.batches.start_dataset(ADA, Asked(unique), "pets")
    deleted_meanwhile(works.datasets, ADA, "pets")
    job = works.run(started)
    assert job.state == JobState.FAILED
    assert (job.error or {})["code"] == "dataset_not_found"
    assert "pets" in (job.error or {})["message"]


def test_a_version_made_anew_under_its_name_fails_the_batch(works: Works, pack: Pack, unique: str) -> None:
    works.changes.add(ADA, pack(_pets(2)), NewVersion("pets"))
    started = works.batches.start_dataset(ADA, Asked(unique), "pets")
    deleted_meanwhile(works.datasets, ADA, "pets")
    others = {**_pets(2), "images/train/1.png": picture(9)}
    works.changes.add(ADA, pack(others), NewVersion("pets"))
    job = works.run(started)
    assert job.state == JobState.FAILED
    assert "pets/1 holds other pictures" in (job.error or {})["message"]


def test_what_is_not_there_and_what_one_may_not_see_is_refused_alike(works: Works, pack: Pack, unique: str) -> None:
    works.changes.add(ADA, pack(_pets(2)), NewVersion("pets", access_level="private"))
    stranger = Actor("f" * 32, "fay", Role.ENGINEER)
    for actor, reference, error in (
        (stranger, "pets", DatasetNotFound),
        (ADA, "cats", DatasetNotFound),
        (ADA, "pets/2", VersionNotFound),
        (ADA, "pets/0", InvalidInput),
        (ADA, "pets/1/x", InvalidInput),
        (ADA, "../pets", InvalidInput),
    ):
        with pytest.raises(error):
            works.batches.start_dataset(actor, Asked(unique), reference)
    assert works.jobs.page(ADA)[1] == 0


def test_where_there_are_no_datasets_it_is_said(works: Works, unique: str) -> None:
    bare = Batches(works.jobs, works.rooms.models)
    with pytest.raises(InvalidInput, match="cannot be opened from here"):
        bare.start_dataset(ADA, Asked(unique), "pets")


@pytest.fixture
def here(
    works: Works, mlflow_home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], None]]:
    """A notebook's process on that platform; gives what runs every job that waits, as its runner would."""
    monkeypatch.setenv("NEXUSAI_HOME", str(works.rooms.settings.home))
    monkeypatch.setenv("NEXUSAI_MLFLOW_TRACKING_URI", tracking_uri(mlflow_home))
    monkeypatch.setenv("NEXUSAI_STORAGE_URL", str(tmp_path / "storage"))
    monkeypatch.setenv("NEXUSAI_BATCH_FOLDERS", str(tmp_path / "photos"))
    works.rooms = replace(works.rooms, settings=load_settings())
    opened = (in_notebook.rooms, batches_in_notebook._batches)
    for each in opened:
        each.cache_clear()
    yield lambda: [works.run(job) for job in works.jobs.page(ADA, state="queued")[0]] and None
    in_notebook.rooms()[0].database.close()
    for each in opened:
        each.cache_clear()


def test_a_notebook_has_files_a_folder_and_a_dataset_looked_at(
    works: Works, here: Callable[[], None], pack: Pack, unique: str, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(2):
        (tmp_path / "photos" / f"{number}.png").write_bytes(picture(number))
    works.changes.add(ADA, pack(_pets(3)), NewVersion("pets"))
    made = [
        nx.submit_batch(unique, [tmp_path / "photos" / "1.png"]),
        nx.submit_batch(f"{unique}@champion", folder=str(tmp_path / "photos"), annotate=True),
        nx.submit_batch(f"{unique}/1", dataset="pets/1", confidence=0.3),
    ]
    assert "queued" in repr(made[0])
    with pytest.raises(InvalidInput, match="has no results"):
        made[0].frame()
    here()
    assert [handle.watch()["result"]["answered"] for handle in made] == [1, 2, 3]
    assert set(made[1].frame().columns) >= {"file", "label", "score", "x1"}
    assert sorted(nx.list_jobs("batch", "succeeded")["id"]) == sorted(handle.id for handle in made)
    assert nx.job(made[2].id).status()["parameters"]["source"] == "dataset:pets/1"


def test_a_notebook_that_names_nothing_or_too_much_is_told(here: Callable[[], None], unique: str) -> None:
    for given in ({}, {"images": ["a.png"], "dataset": "pets"}, {"folder": "x", "dataset": "pets"}):
        with pytest.raises(InvalidInput, match="either images, a folder or a dataset"):
            nx.submit_batch(unique, **given)
    with pytest.raises(InvalidInput, match=r"nowhere\.png is not a file"):
        nx.submit_batch(unique, ["nowhere.png"])
    with pytest.raises(DatasetNotFound):
        nx.submit_batch(unique, dataset="nobody-knows-it")
