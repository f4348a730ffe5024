"""The optimisations of one platform run by hand, and pictures with one coloured cell each to judge them by."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from registry.access.actor import local_actor
from registry.jobs.jobs import Jobs
from registry.jobs.rooms import JobRooms
from registry.jobs.running import JobRun, execute
from registry.jobs.tuning_parameters import OptimiseParameters
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.models.types import CHAMPION
from registry.records import Database, Job, jobs
from registry.runtime.card import MODEL_FILE, ModelCard
from registry.storage import LocalStorage
from registry.testing.onnx_models import (
    BLOB_CARD,
    COLOURS,
    blob_detector,
)
from registry.testing.requirements import require_package
from registry.training.datasets.catalogue import Datasets
from registry.training.datasets.changes import DatasetChanges, NewVersion
from registry.training.datasets.workspace import Workspace
from registry.tuning.measuring import Measuring
from registry.tuning.optimisation_report import OptimisationReport
from registry.tuning.optimise_job import optimise

ADA = local_actor()


class Works:
    """The optimisations of one platform, run in this process by hand."""

    def __init__(self, models: ModelRegistry, serving: Serving, database: Database, folder: Path) -> None:
        self.models, self.database = models, database
        self.storage = LocalStorage(folder)
        self.jobs = Jobs(database, self.storage)
        self.datasets = Datasets(database, Workspace(models.settings))
        self.measuring = Measuring(self.jobs, models, self.datasets)
        self.rooms = JobRooms(models.settings, database, models.live, self.storage, models, serving)

    def publish(self, name: str, model: bytes | None = None, card: ModelCard = BLOB_CARD) -> str:
        self.models.publish(ADA, Draft(name, {MODEL_FILE: model or blob_detector()}, card, alias=CHAMPION))
        return name

    def run(self, job: Job, work: Callable[[JobRun, JobRooms], dict[str, Any]] = optimise) -> Job:
        with self.database.write() as session:
            found = session.get(Job, job.id)
            assert found is not None
            ticket = jobs.hand_over(session, found)
        execute(self.database, self.storage, job.id, ticket, lambda run: work(run, self.rooms))
        return self.jobs.get(ADA, job.id)

    def report(self, job: Job) -> OptimisationReport:
        with self.jobs.open_result(ADA, job.id, "optimisation.json")[0] as file:
            return OptimisationReport.model_validate_json(file.read())


def boxed(x: int, y: int) -> tuple[float, ...]:
    """The row of a cell whose upper left corner is told, without its class."""
    return ((x + 4) / 64, (y + 4) / 64, 0.125, 0.125)


def outlined(x: int, y: int) -> tuple[float, ...]:
    left, top, right, low = (each / 64 for each in (x, y, x + 8, y + 8))
    return (left, top, right, top, right, low, left, low)


def posed(x: int, y: int) -> tuple[float, ...]:
    return (*boxed(x, y), x / 64, y / 64, 2, (x + 8) / 64, (y + 8) / 64, 2)


def make_spots(
    works: Works, tmp_path: Path, name: str, row: Callable[[int, int], tuple[float, ...]], further: str = ""
) -> str:
    require_package("dvc", "train")
    root, rng = tmp_path / "spots", np.random.default_rng(3)
    for split, count in (("train", 6), ("val", 9)):
        for part in ("images", "labels"):
            (root / part / split).mkdir(parents=True)
        for number in range(count):
            image, label = np.zeros((64, 64, 3), np.uint8), number % 3
            x, y = (int(each) * 8 for each in rng.integers(8, size=2))
            image[y : y + 8, x : x + 8, 2 - label] = 255
            cv2.imwrite(str(root / "images" / split / f"{split}{number}.png"), image)
            line = f"{label} {' '.join(map(str, row(x, y)))}\n"
            (root / "labels" / split / f"{split}{number}.txt").write_text(line)
    (root / "data.yaml").write_text(f"names: [{', '.join(COLOURS)}]\n{further}")
    live = works.models.live
    changes = DatasetChanges(works.models.settings, works.database, live, works.datasets)
    changes.add(ADA, root, NewVersion(name))
    return name


def wanted(model: str, dataset: str, **more: Any) -> OptimiseParameters:
    return OptimiseParameters(model=model, version=1, dataset=dataset, repeats=5, **more)
