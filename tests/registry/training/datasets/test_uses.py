"""A dataset that a job or a schedule uses is not deleted, and a job whose dataset is gone is not tried again."""

from typing import Any

import pytest

from registry.access import Actor
from registry.access.live import Live
from registry.errors import Conflict, DatasetNotFound, JobNotRetried
from registry.jobs.jobs import Jobs
from registry.jobs.tuning_parameters import STARTER
from registry.records import Database, Job, JobState, Schedule, jobs
from registry.settings import Settings
from registry.storage import LocalStorage
from registry.training.datasets.catalogue import Datasets
from registry.training.datasets.changes import DatasetChanges, NewVersion
from registry.training.datasets.workspace import Workspace
from tests.registry.training.datasets.conftest import Pack, picture

BATCH = {"model": "m", "version": 1, "source": "dataset:pets/1"}
TUNE = {"model": "m", "version": 1, "dataset": "pets"}
TRAIN = {"model": "m", "dataset": "pets", "dataset_version": 1}
IMPORT = {"name": "pets"}


@pytest.fixture
def changes(settings: Settings, sqlite: Database, pack: Pack, engineer: Actor) -> DatasetChanges:
    """With a dataset of the name pets, and one whose name only begins with that."""
    made = DatasetChanges(settings, sqlite, Live(sqlite, settings), Datasets(sqlite, Workspace(settings)))
    for name in ("pets", "pets-2"):
        made.add(engineer, pack({"cat/a.png": picture()}), NewVersion(name))
    return made


def keep(database: Database, row: Job | Schedule) -> None:
    with database.write() as session:
        session.add(row)


def job(kind: str, parameters: dict[str, Any], state: JobState = JobState.QUEUED) -> Job:
    about = {"id": "8c1d0f2a" + "0" * 24, "kind": kind, "owner_id": "o", "owner_name": "otto"}
    return Job(**about, parameters=parameters, state=state)


@pytest.mark.parametrize(
    ("kind", "parameters", "state"),
    [
        ("batch", BATCH, JobState.QUEUED),
        ("train", TRAIN, JobState.RUNNING),
        ("optimise", TUNE | {"dataset": "pets/1"}, JobState.QUEUED),
        ("tune", TUNE, JobState.RUNNING),
        ("import", IMPORT, JobState.QUEUED),
    ],
)
def test_the_job_that_uses_it_is_named(
    changes: DatasetChanges, sqlite: Database, engineer: Actor, kind: str, parameters: dict[str, Any], state: JobState
) -> None:
    keep(sqlite, job(kind, parameters, state))
    with pytest.raises(Conflict, match=f"dataset 'pets' is in use: {kind} job 8c1d0f2a of otto") as refused:
        changes.delete(engineer, "pets")
    assert refused.value.details == {"uses": [f"{kind} job 8c1d0f2a of otto"]}
    changes.delete(engineer, "pets-2")
    with sqlite.write() as session:
        jobs.end(session, job(kind, {}).id, 0, JobState.SUCCEEDED)
    changes.delete(engineer, "pets")


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [("batch", {"model": "m", "dataset": "pets/1"}), ("train", {"model": "m", "dataset": "pets"})],
)
def test_the_schedule_that_uses_it_is_named_unless_it_rests(
    changes: DatasetChanges, sqlite: Database, engineer: Actor, kind: str, parameters: dict[str, Any]
) -> None:
    plan = {"name": "Nightly", "kind": kind, "cron": "0 3 * * *", "time_zone": "UTC", "owner_id": "o"}
    schedule = Schedule(**plan, parameters=parameters, owner_name="otto")
    keep(sqlite, schedule)
    with pytest.raises(Conflict, match="in use: schedule 'Nightly' of otto"):
        changes.delete(engineer, "pets")
    with sqlite.write() as session:
        schedule.active = False
        session.add(schedule)
    changes.delete(engineer, "pets")


def test_a_job_whose_dataset_was_deleted_is_not_tried_again(
    changes: DatasetChanges, sqlite: Database, settings: Settings, engineer: Actor, pack: Pack
) -> None:
    shop, failed = Jobs(sqlite, LocalStorage(settings.home / "storage")), job("train", TRAIN, JobState.FAILED)
    failed.owner_id = engineer.id
    keep(sqlite, failed)
    changes.delete(engineer, "pets")
    with pytest.raises(JobNotRetried, match="the dataset 'pets' that the job reads was deleted"):
        shop.retry(engineer, failed.id)
    assert shop.get(engineer, failed.id).state == JobState.FAILED
    changes.add(engineer, pack({"cat/a.png": picture()}), NewVersion("pets"))
    assert shop.retry(engineer, failed.id).state == JobState.QUEUED


@pytest.mark.parametrize(("kind", "parameters"), [("import", IMPORT), ("tune", TUNE | {"dataset": STARTER})])
def test_a_job_that_reads_no_dataset_of_the_registry_is_tried_again(
    sqlite: Database, settings: Settings, engineer: Actor, kind: str, parameters: dict[str, Any]
) -> None:
    shop, failed = Jobs(sqlite, LocalStorage(settings.home / "storage")), job(kind, parameters, JobState.FAILED)
    failed.owner_id = engineer.id
    keep(sqlite, failed)
    assert shop.retry(engineer, failed.id).state == JobState.QUEUED


def test_who_may_not_see_a_dataset_does_not_learn_what_uses_it(
    changes: DatasetChanges, sqlite: Database, engineer: Actor, user: Actor
) -> None:
    changes.update(engineer, "pets", access_level="private")
    keep(sqlite, job("train", TRAIN))
    with pytest.raises(DatasetNotFound):
        changes.delete(user, "pets")
