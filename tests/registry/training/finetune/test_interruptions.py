"""Trainings that are killed, cancelled, or lose their data or their model under way."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from registry.errors import ProcessFailed, Unavailable
from registry.jobs.files import JobFiles
from registry.jobs.rooms import JobRooms
from registry.jobs.running import JobRun
from registry.jobs.train_parameters import Recipe
from registry.models.changes import ModelChanges
from registry.models.files import CHECKPOINT
from registry.models.publish import Draft
from registry.models.uses import uses_in
from registry.records import Job, JobState, jobs
from registry.runtime.card import MODEL_FILE, ModelCard
from registry.settings import PROJECT_ROOT, child_environment
from registry.training.finetune.kept import EPOCHS, Kept, read_epochs
from registry.training.finetune.learning import reports
from registry.training.finetune.work import fine_tune
from registry.training.finetune.yolo_child import TRAINED, EpochReport, checkpoint_name
from tests.registry.training.datasets.conftest import deleted_meanwhile

if TYPE_CHECKING:
    from tests.registry.training.finetune.conftest import School

STARTER = PROJECT_ROOT / "data/starter/digit-detector"
_PATIENCE_S = 240.0
_RUNNER = """
import sys
from registry.jobs.rooms import JobRooms
from registry.jobs.running import execute
from registry.settings import load_settings
from registry.training.finetune.work import fine_tune
rooms = JobRooms.open(load_settings())
execute(rooms.database, rooms.storage, sys.argv[1], int(sys.argv[2]), lambda run: fine_tune(run, rooms))
"""


def _until(holds: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        found = holds()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come true in time")


def _files(school: "School", job: Job) -> JobFiles:
    return JobFiles(school.rooms.storage, job.id)


@pytest.mark.slow
def test_a_run_killed_after_epochs_goes_on_behind_them_even_without_its_dataset(
    school: "School", digit_set: Path
) -> None:
    name = school.add(digit_set, f"{school.dataset}-killed")
    recipe = school.asked().recipe.model_copy(update={"epochs": 4})
    job = school.trainings.start(school.actor, school.asked(dataset=name, recipe=recipe))
    files = _files(school, job)
    with school.rooms.database.write() as session:
        ticket = jobs.hand_over(session, session.get(Job, job.id))  # type: ignore[arg-type]
    line = [sys.executable, "-c", _RUNNER, job.id, str(ticket)]
    environment = child_environment(school.rooms.settings)
    with subprocess.Popen(line, env=environment, cwd=PROJECT_ROOT) as process:
        _until(lambda: Kept(files).epoch >= 2 or process.poll() is not None)
        process.send_signal(signal.SIGKILL)
    _until(lambda: not _children_of(job))  # the training itself dies with the run
    before = Kept(files)
    assert 2 <= before.epoch < 4
    with school.rooms.database.write() as session:
        jobs.put_back(session, job.id, ticket, losses=1)

    first: list[int] = []

    def work(run: JobRun, rooms: JobRooms) -> dict[str, Any]:
        telling = run.progress

        def heard(done: int, total: int, stage: str) -> None:
            if stage.startswith("epoch") and not first:
                first.append(done)
                deleted_meanwhile(school.datasets, school.actor, name)
            telling(done, total, stage)

        run.progress = heard  # type: ignore[method-assign]
        return fine_tune(run, rooms)

    ended = school.run(job, work)
    assert ended.state == JobState.SUCCEEDED, ended.error
    assert first == [before.epoch + 1]
    assert ended.attempts == 2
    epochs = (ended.result or {})["epochs"]
    assert epochs == 4
    with school.rooms.models.connected() as client:
        told = [each.step for each in client.get_metric_history(ended.mlflow_run_id, "mAP50")]
    assert told == [1, 2, 3, 4]
    assert not list((school.rooms.settings.home / "cache/training").iterdir())
    assert not list(files.names("parts"))


def _children_of(job: Job) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and job.id.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return [each for each in found if each != os.getpid()]


def test_a_cancelled_training_stops_within_seconds_and_keeps_its_best(school: "School") -> None:
    recipe = school.asked().recipe.model_copy(update={"epochs": 200, "seed": 11})
    job = school.trainings.start(school.actor, school.asked(recipe=recipe))
    before = len(school.rooms.models.versions(school.actor, school.model))
    ended: list[Job] = []
    thread = threading.Thread(target=lambda: ended.append(school.run(job)))
    thread.start()
    _until(lambda: school.now(job).done >= 1)
    school.jobs.cancel(school.actor, job.id)
    asked = time.monotonic()
    thread.join(_PATIENCE_S)
    took = time.monotonic() - asked
    print(f"cancelled after {took:.1f} s")
    assert ended[0].state == JobState.CANCELLED
    assert took < 5
    result = ended[0].result or {}
    assert {"best.pt", "epochs.parquet", "epochs.png"} <= {each["name"] for each in result["files"]}
    assert result["model"] is None
    assert len(school.rooms.models.versions(school.actor, school.model)) == before
    assert len(school.read(job, "best.pt")) > 100_000


def test_a_training_that_gets_no_better_ends_early(school: "School") -> None:
    recipe = school.asked().recipe.model_copy(update={"epochs": 200, "patience": 1, "learning_rate": 1e-6})
    job = school.trainings.start(school.actor, school.asked(recipe=recipe))

    def work(run: JobRun, rooms: JobRooms) -> dict[str, Any]:
        telling = run.progress

        def heard(done: int, total: int, stage: str) -> None:
            telling(done, total, stage)
            if stage.startswith("converting"):  # it has learnt all it will: the rest is not what this is about
                school.jobs.cancel(school.actor, job.id)
                run.beat()

        run.progress = heard  # type: ignore[method-assign]
        return fine_tune(run, rooms)

    result = school.run(job, work).result or {}
    assert result["stopped_early"]
    assert 2 <= result["epochs"] == result["best_epoch"] + 1 < 200


def _trained(school: "School", job: Job) -> None:
    """As if the epochs were behind it: only the way to a version is left."""
    files = _files(school, job)
    files.put("parts", TRAINED, (STARTER / CHECKPOINT).read_bytes())
    files.put("parts", checkpoint_name("last", 1), b"-")
    files.put("parts", EPOCHS, json.dumps([_report(1).model_dump()]).encode())


def _report(epoch: int, *, best: bool = True) -> EpochReport:
    figures = {"mAP50": 0.5, "loss/train/box": 1.0}
    return EpochReport(epoch=epoch, epochs=2, seconds=1, figures=figures, fitness=0.5, best=best, ended=epoch == 2)


def test_a_model_deleted_under_way_is_not_brought_back(school: "School") -> None:
    name = school.publish(f"{school.model}-doomed")
    job = school.trainings.start(school.actor, school.asked(model=name))
    _trained(school, job)

    def work(run: JobRun, rooms: JobRooms) -> dict[str, Any]:
        telling = run.progress

        def heard(done: int, total: int, stage: str) -> None:
            if stage == "publishing":
                ModelChanges(rooms.models, rooms.database).delete(school.actor, name)
            telling(done, total, stage)

        run.progress = heard  # type: ignore[method-assign]
        return fine_tune(run, rooms)

    ended = school.run(job, work)
    assert ended.state == JobState.FAILED
    assert "was deleted" in (ended.error or {})["message"]
    assert name not in {each.name for each in school.rooms.models.list(school.actor, size=500)[0]}
    with school.rooms.models.connected() as client:
        assert client.get_run(ended.mlflow_run_id).info.status == "FAILED"


def test_a_run_killed_behind_its_publication_publishes_no_second_version(school: "School") -> None:
    name = school.publish(f"{school.model}-once")
    job = school.trainings.start(school.actor, school.asked(model=name))
    _trained(school, job)

    class Killed(BaseException):
        pass

    def killed(run: JobRun, rooms: JobRooms) -> dict[str, Any]:
        fine_tune(run, rooms)
        raise Killed

    with pytest.raises(Killed):
        school.run(job, killed)
    assert len(school.rooms.models.versions(school.actor, name)) == 2
    with school.rooms.database.write() as session:
        jobs.put_back(session, job.id, 1, losses=1)
    ended = school.run(job)
    assert ended.state == JobState.SUCCEEDED, ended.error
    assert (ended.result or {})["model"] == {"name": name, "version": 2}
    assert len(school.rooms.models.versions(school.actor, name)) == 2


def test_a_run_killed_behind_its_publication_and_cancelled_answers_the_version(school: "School") -> None:
    name = school.publish(f"{school.model}-told")
    job = school.trainings.start(school.actor, school.asked(model=name))
    _trained(school, job)

    def cancelled(run: JobRun, rooms: JobRooms) -> dict[str, Any]:
        fine_tune(run, rooms)
        return _cancelled(school, job)(run, rooms)

    ended = school.run(job, cancelled)
    assert ended.state == JobState.CANCELLED
    assert (ended.result or {})["model"] == {"name": name, "version": 2}


def test_a_dataset_deleted_before_it_runs_fails_with_its_name(school: "School", digit_set: Path) -> None:
    name = school.add(digit_set, f"{school.dataset}-gone")
    job = school.trainings.start(school.actor, school.asked(dataset=name))
    deleted_meanwhile(school.datasets, school.actor, name)
    ended = school.run(job)
    assert ended.state == JobState.FAILED
    assert (ended.error or {})["code"] == "dataset_not_found"
    assert name in (ended.error or {})["message"]


_FULL = """
import sys
from pathlib import Path
from registry.errors import StorageUnavailable
from registry.errors import ProcessFailed, Unavailable
from registry.jobs.files import JobFiles
from registry.storage import LocalStorage
from registry.training.datasets import annotations
from registry.training.finetune.data_folder import lay_out
from registry.training.finetune.kept import Kept
from registry.training.finetune.yolo_child import EpochReport
small, source, scratch = map(Path, sys.argv[1:])
(small / "data").mkdir()
dataset = annotations.read(source)
try:
    lay_out(source, dataset, "detect", list(range(10)), small / "data", lambda: None)
except StorageUnavailable as error:
    print(error.message)
kept = Kept(JobFiles(LocalStorage(small / "storage"), "j"))
def report(epoch):
    return EpochReport(epoch=epoch, epochs=9, seconds=1, figures={}, fitness=0.1, best=True, ended=False)
for epoch, size in ((1, 100_000), (2, 3_000_000)):
    for what in ("last", "best"):
        (scratch / f"{what}-{epoch:05d}.pt").write_bytes(b"x" * size)
    try:
        kept.keep(report(epoch), scratch)
    except StorageUnavailable as error:
        print(error.message)
again = Kept(JobFiles(LocalStorage(small / "storage"), "j"))
print(again.epoch, again.best_epoch, len(again.epochs), len(again.read_best()))
"""


def test_on_a_full_disk_it_says_so_and_what_was_kept_stays_whole(school: "School", tmp_path: Path) -> None:
    for name in ("small", "scratch"):
        (tmp_path / name).mkdir()
    source = school.datasets.open(school.actor, school.dataset).folder
    script = tmp_path / "full.py"
    script.write_text(_FULL)
    inside = f'mount -t tmpfs -o size=4m full "{tmp_path}/small" && exec "$@"'
    line = ["unshare", "--mount", "--map-root-user", "sh", "-c", inside, "sh", sys.executable, str(script)]
    arguments = [str(tmp_path / "small"), str(source), str(tmp_path / "scratch")]
    environment = {"PYTHONPATH": str(PROJECT_ROOT), "PATH": os.defpath}
    done = subprocess.run([*line, *arguments], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    no_room, full, kept = done.stdout.splitlines()
    assert "are free" in no_room
    assert "stor" in full.lower()
    assert kept == "1 1 1 100000"


def test_what_is_kept_of_epochs_is_whole_whenever_a_run_is_killed(school: "School", tmp_path: Path) -> None:
    files = JobFiles(school.rooms.storage, "kept-alone")
    kept = Kept(files)
    for epoch, best in ((1, True), (2, False), (3, True)):
        (tmp_path / checkpoint_name("last", epoch)).write_bytes(b"last")
        (tmp_path / checkpoint_name("best", epoch)).write_bytes(f"best {epoch}".encode())
        kept.keep(_report(epoch, best=best), tmp_path)
    # a run that died after it had stored the best of epoch 4, and nothing else of it
    files.put("parts", checkpoint_name("best", 4), b"best 4")
    again = Kept(files)
    assert (again.epoch, again.best_epoch, again.read_best()) == (3, 3, b"best 3")
    assert [each.epoch for each in read_epochs(files)] == [1, 2, 3]
    assert sorted(files.names("parts")) == ["best-00003.pt", "best-00004.pt", EPOCHS, "last-00003.pt"]
    shutil.rmtree(tmp_path)


def test_cancelled_before_it_goes_on_it_keeps_what_was_learnt(school: "School") -> None:
    job = school.trainings.start(school.actor, school.asked(recipe=_seeded(school, 21)))
    _trained(school, job)
    before = len(school.rooms.models.versions(school.actor, school.model))
    ended = school.run(job, _cancelled(school, job))
    assert ended.state == JobState.CANCELLED
    result = ended.result or {}
    assert (result["model"], result["epochs"]) == (None, 1)
    assert school.read(job, "best.pt") == (STARTER / CHECKPOINT).read_bytes()
    assert len(school.rooms.models.versions(school.actor, school.model)) == before
    with school.rooms.models.connected() as client:
        assert client.get_run(ended.mlflow_run_id).info.status == "KILLED"


def _seeded(school: "School", seed: int) -> Recipe:
    return school.asked().recipe.model_copy(update={"seed": seed})


def _cancelled(school: "School", job: Job) -> Callable[[JobRun, JobRooms], dict[str, Any]]:
    def work(run: JobRun, rooms: JobRooms) -> dict[str, Any]:
        school.jobs.cancel(school.actor, job.id)
        return fine_tune(run, rooms)

    return work


def test_a_parent_that_is_another_version_by_now_is_not_trained_further(school: "School") -> None:
    name = school.publish(f"{school.model}-swapped")
    job = school.trainings.start(school.actor, school.asked(model=name))
    with school.rooms.database.write() as session:
        found = session.get(Job, job.id)
        assert found is not None
        found.parameters = {**found.parameters, "parent_sha256": "0" * 64}
    ended = school.run(job)
    assert ended.state == JobState.FAILED
    assert f"{name}/1 is not the version any more" in (ended.error or {})["message"]


def test_a_parent_is_in_use_also_where_the_version_gets_another_name(school: "School") -> None:
    name = school.publish(f"{school.model}-base")
    school.trainings.start(school.actor, school.asked(model=name, name=f"{school.model}-child"))
    [use] = uses_in(school.rooms.database)(name)
    assert (use.words.split()[0], use.version) == ("train", 1)


def test_a_process_that_was_killed_is_tried_again(school: "School", tmp_path: Path) -> None:
    died = ProcessFailed("it ended", details={"status": -9})

    def follow(*_: Any) -> Any:
        raise died

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Unavailable, match="process was killed"):
        patch.setattr("registry.training.finetune.learning.follow_child", follow)
        list(reports(None, tmp_path, lambda: False))  # type: ignore[arg-type]


def test_a_card_that_names_the_job_is_no_publication_of_it(school: "School") -> None:
    name = school.publish(f"{school.model}-claims")
    job = school.trainings.start(school.actor, school.asked(model=name))
    card = ModelCard.parse((STARTER / "card.json").read_bytes())
    card = card.model_copy(update={"source": f"training job {job.id}"})
    school.rooms.models.publish(school.actor, Draft(name, {MODEL_FILE: (STARTER / MODEL_FILE).read_bytes()}, card))
    _trained(school, job)
    assert (school.run(job, _cancelled(school, job)).result or {})["model"] is None
