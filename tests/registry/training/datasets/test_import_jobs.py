"""A dataset that a job imports: one version, whatever is killed when, and nothing half-made."""

import json
import shutil
from pathlib import Path

import pytest

from registry.access import Actor
from registry.access.actor import local_actor
from registry.errors import Forbidden, InvalidArchive, InvalidInput, TooManyRequests, UploadTooLarge
from registry.jobs import jobs as starting
from registry.jobs.jobs import Jobs
from registry.jobs.kinds import IMPORT
from registry.jobs.rooms import JobRooms
from registry.jobs.running import execute
from registry.models.quarantine import chunks_of
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.records import Database, Job, JobState, jobs, utc_now
from registry.storage import LocalStorage
from registry.testing.requirements import require_package
from registry.training.datasets.catalogue import Datasets
from registry.training.datasets.changes import DatasetChanges, NewVersion
from registry.training.datasets.importing import Imports, import_as_job
from registry.training.datasets.intake import Wanted
from registry.training.datasets.plan import SplitPlan
from registry.training.datasets.sample import DatasetTask
from registry.training.datasets.workspace import Workspace
from tests.registry.training.datasets.conftest import Pack, picture

ADA = local_actor()
PICTURES = 6


class Depot:
    """Where archives arrive; its jobs are run by hand."""

    def __init__(self, models: ModelRegistry, serving: Serving, database: Database, folder: Path) -> None:
        self.database, self.storage = database, LocalStorage(folder)
        self.jobs = Jobs(database, self.storage)
        self.datasets = Datasets(database, Workspace(models.settings))
        self.imports = Imports(self.jobs, DatasetChanges(models.settings, database, models.live, self.datasets))
        self.rooms = JobRooms(models.settings, database, models.live, self.storage, models, serving)
        self.staging = Workspace(models.settings).staging("x").parent

    def send(self, actor: Actor, archive: Path, new: NewVersion, most_mb: int = 8) -> Job:
        return self.imports.start(actor, archive.name, chunks_of(archive, most_mb), new)

    def hand_over(self, job: Job) -> int:
        with self.database.write() as session:
            found = session.get(Job, job.id)
            assert found is not None
            return jobs.hand_over(session, found)

    def run(self, actor: Actor, job: Job) -> Job:
        execute(self.database, self.storage, job.id, self.hand_over(job), lambda run: import_as_job(run, self.rooms))
        return self.jobs.get(actor, job.id)

    def left(self) -> list[str]:
        """The files of jobs that are no results, and what is on its way into a dataset."""
        kept = [key for key in self.storage.keys("jobs/") if "/results/" not in key]
        return kept + [each.name for each in self.staging.iterdir()] if self.staging.is_dir() else kept


@pytest.fixture
def depot(models: ModelRegistry, serving: Serving, sqlite: Database, tmp_path: Path) -> Depot:
    require_package("dvc", "train")
    return Depot(models, serving, sqlite, tmp_path / "storage")


@pytest.fixture
def archive(pack: Pack) -> Path:
    """Six pictures with a spot each, four to learn from, as YOLO."""
    members: dict[str, str | bytes] = {"data.yaml": "train: images/train\nval: images/val\nnames: [spot]\n"}
    for number in range(PICTURES):
        split = "train" if number < 4 else "val"
        members[f"images/{split}/{number}.png"] = picture(number)
        members[f"labels/{split}/{number}.txt"] = "0 0.5 0.5 0.4 0.4\n"
    return pack(members)


def test_an_archive_becomes_a_version_and_its_report_a_result(depot: Depot, archive: Path, unique: str) -> None:
    asked = NewVersion(unique, Wanted("yolo", DatasetTask.DETECT), "spots", "private", "first", SplitPlan(by="group"))
    job = depot.send(ADA, archive, asked)
    assert (job.kind, job.state, job.parameters["file"]) == (IMPORT.name, "queued", archive.name)
    ended = depot.run(ADA, job)
    assert ended.state == JobState.SUCCEEDED, ended.error
    assert (ended.done, ended.total) == (PICTURES, PICTURES)
    result = ended.result or {}
    about = {name: result[name] for name in ("dataset", "version", "images", "objects")}
    assert about == {"dataset": unique, "version": 1, "images": PICTURES, "objects": PICTURES}
    with depot.jobs.open_result(ADA, job.id, "report.json")[0] as file:
        assert json.load(file)["format"] == "yolo"
    summary = depot.datasets.get(ADA, unique)
    assert (summary.record.access_level, summary.record.description) == ("private", "spots")
    assert (summary.newest.note, summary.newest.job_id, summary.newest.created_by) == ("first", job.id, ADA.name)
    assert depot.left() == []


def test_a_run_that_was_killed_after_it_made_the_version_makes_no_second_one(
    depot: Depot, archive: Path, unique: str
) -> None:
    job = depot.send(ADA, archive, NewVersion(unique))

    class KilledError(BaseException):
        pass

    def killed(run: object) -> dict[str, object]:
        import_as_job(run, depot.rooms)  # type: ignore[arg-type]
        raise KilledError

    ticket = depot.hand_over(job)
    with pytest.raises(KilledError):
        execute(depot.database, depot.storage, job.id, ticket, killed)
    with depot.database.write() as session:
        jobs.put_back(session, job.id, ticket, not_before=utc_now(), losses=1)
    again = depot.run(ADA, job)
    assert again.state == JobState.SUCCEEDED, again.error
    assert [each.number for each in depot.datasets.versions(ADA, unique)] == [1]
    assert (again.result or {})["version"] == 1
    assert depot.left() == []


def test_a_cancelled_import_leaves_nothing(depot: Depot, archive: Path, unique: str) -> None:
    job = depot.send(ADA, archive, NewVersion(unique))
    ticket = depot.hand_over(job)

    def cancelled(run):  # type: ignore[no-untyped-def]
        depot.jobs.cancel(ADA, job.id)
        run.beat()
        return import_as_job(run, depot.rooms)

    execute(depot.database, depot.storage, job.id, ticket, cancelled)
    assert depot.jobs.get(ADA, job.id).state == JobState.CANCELLED
    assert unique not in {each.record.name for each in depot.datasets.list(ADA, size=500)[0]}
    assert depot.left() == []


def test_what_is_no_dataset_fails_with_the_reason(depot: Depot, pack: Pack, unique: str) -> None:
    ended = depot.run(ADA, depot.send(ADA, pack({"readme.md": "no pictures"}), NewVersion(unique)))
    assert ended.state == JobState.FAILED
    assert "in none of the formats" in (ended.error or {})["message"]
    assert unique not in {each.record.name for each in depot.datasets.list(ADA, size=500)[0]}


def test_what_can_be_refused_is_refused_before_a_job_is_made(
    depot: Depot, user: Actor, archive: Path, unique: str, tmp_path: Path
) -> None:
    no_archive = tmp_path / "picture.zip"
    no_archive.write_bytes(picture())
    with pytest.raises(InvalidArchive, match="no zip archive"):
        depot.send(ADA, no_archive, NewVersion(unique))
    big = tmp_path / "big.zip"
    shutil.copy(archive, big)
    with big.open("ab") as file:
        file.truncate(2 << 20)
    with pytest.raises(UploadTooLarge):
        depot.send(ADA, big, NewVersion(unique), most_mb=1)
    with pytest.raises(InvalidInput):
        depot.send(ADA, archive, NewVersion("../up"))
    with pytest.raises(Forbidden):
        depot.send(user, archive, NewVersion(unique))
    assert depot.left() == []


def test_who_has_too_many_jobs_is_refused_before_the_archive_is_kept(
    depot: Depot, archive: Path, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "MOST_UNFINISHED", 0)
    with pytest.raises(TooManyRequests):
        depot.send(ADA, archive, NewVersion(unique))
    assert depot.left() == []
