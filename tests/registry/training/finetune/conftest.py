"""A platform in this process with a small dataset and the starter detector; jobs run here as in a flow."""

import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from registry.access import Actor
from registry.access.actor import local_actor
from registry.jobs.jobs import Jobs
from registry.jobs.rooms import JobRooms
from registry.jobs.running import JobRun, execute
from registry.jobs.train_parameters import Architecture, Recipe
from registry.models.files import CHECKPOINT
from registry.models.publish import Draft
from registry.models.server import tracking_uri
from registry.models.types import CHAMPION
from registry.records import Job, JobState, jobs
from registry.runtime.card import MODEL_FILE, ModelCard
from registry.settings import PROJECT_ROOT, Settings, load_settings
from registry.testing.digit_set import write_digit_set
from registry.testing.requirements import require_package
from registry.training.datasets.catalogue import Datasets
from registry.training.datasets.changes import DatasetChanges, NewVersion
from registry.training.datasets.workspace import Workspace
from registry.training.finetune.start import TrainingAsked, Trainings
from registry.training.finetune.work import fine_tune

SIZE_PX = 64
STARTER = PROJECT_ROOT / "data/starter/digit-detector"
SMALL = Recipe(epochs=2, batch=8, image_size=SIZE_PX, augment="none", learning_rate=0.001)
SCRATCH = SMALL.model_copy(update={"epochs": 1, "architecture": Architecture(width=0.125)})


@dataclass
class School:
    """What trainings need; `model` and `dataset` are names nobody else uses."""

    rooms: JobRooms
    jobs: Jobs
    datasets: Datasets
    changes: DatasetChanges
    trainings: Trainings
    actor: Actor
    folder: Path
    model: str
    dataset: str

    def asked(self, **more: Any) -> TrainingAsked:
        return TrainingAsked(**{"model": self.model, "dataset": self.dataset, "recipe": SMALL, **more})

    def publish(self, name: str, *, checkpoint: bool = True) -> str:
        """The starter detector under another name."""
        card = ModelCard.parse((STARTER / "card.json").read_bytes())
        notes = {CHECKPOINT: (STARTER / CHECKPOINT).read_bytes()} if checkpoint else {}
        files = {MODEL_FILE: (STARTER / MODEL_FILE).read_bytes()}
        self.rooms.models.publish(self.actor, Draft(name, files, card, alias=CHAMPION, notes=notes))
        return name

    def add(self, source: Path, name: str, **more: Any) -> str:
        self.changes.add(self.actor, source, NewVersion(name, **more))
        return name

    def run(self, job: Job, work: Callable[[JobRun, JobRooms], dict[str, Any]] = fine_tune) -> Job:
        """Hand the job over and do it here, as a flow would; the job as it is afterwards."""
        with self.rooms.database.write() as session:
            found = session.get(Job, job.id)
            assert found is not None
            if found.state == JobState.QUEUED and found.handed_over_at is None:
                jobs.hand_over(session, found)
            ticket = found.ticket
        execute(self.rooms.database, self.rooms.storage, job.id, ticket, lambda run: work(run, self.rooms))
        return self.now(job)

    def now(self, job: Job) -> Job:
        with self.rooms.database.read() as session:
            found = session.get(Job, job.id)
        assert found is not None
        return found

    def read(self, job: Job, name: str) -> bytes:
        file, _ = self.jobs.open_result(self.actor, job.id, name)
        with file:
            return file.read()


@pytest.fixture(scope="session")
def digit_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty-six small scenes of digits in three splits."""
    require_package("sklearn", "train")
    return write_digit_set(tmp_path_factory.mktemp("digits"), {"train": 20, "val": 8, "test": 8}, SIZE_PX)


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory, mlflow_home: Settings, digit_set: Path) -> Iterator[School]:
    require_package("ultralytics", "train")
    folder = tmp_path_factory.mktemp("school")
    settings = load_settings(home=folder / "home", mlflow_tracking_uri=tracking_uri(mlflow_home))
    settings.prepare_home()
    rooms = JobRooms.open(settings)
    rooms.database.upgrade()
    jobs_room = Jobs(rooms.database, rooms.storage)
    datasets = Datasets(rooms.database, Workspace(settings))
    changes = DatasetChanges(settings, rooms.database, rooms.live, datasets)
    trainings = Trainings(jobs_room, rooms.models, datasets)
    name = f"digits-{uuid.uuid4().hex[:8]}"
    made = School(rooms, jobs_room, datasets, changes, trainings, local_actor(), folder, name, name)
    made.add(digit_set, name)
    made.publish(name)
    yield made
    rooms.close()
    shutil.rmtree(folder, ignore_errors=True)
