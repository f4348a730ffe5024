"""Trainings for notebooks: in the platform's runner, or in the notebook's own process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry.jobs.handle import JobHandle
    from registry.jobs.rooms import JobRooms
    from registry.jobs.running import JobRun
    from registry.training.finetune.start import Trainings

_A_WHILE = timedelta(hours=1)


def submit_training(model: str, dataset: str, *, name: str = "", new_classes: bool = False, **recipe: Any) -> JobHandle:
    """Train a model (named as `nx.load` takes it) on a dataset (`name` or `name/version`) in the platform's runner.

    `name` publishes under another name; `recipe` are the fields of `registry.jobs.train_parameters.Recipe`. The new
    version is called `candidate`. Raises InvalidInput in its forms, NotFound in its forms, Conflict, TooManyRequests.
    """
    from registry.jobs.notebook import job

    return job(_start(model, dataset, name, recipe, new_classes=new_classes, wait=False))


def fine_tune(
    model: str,
    dataset: str,
    *,
    name: str = "",
    new_classes: bool = False,
    told: Callable[[str], None] | None = None,
    **recipe: Any,
) -> JobHandle:
    """As `submit_training`, in this process, until it has ended; no runner is needed.

    `told` hears how far it is. It is a job like every other: it shows in the app, can be cancelled there, and should
    this process die, the platform's runner goes on behind the last epoch. Raises the job's error where it failed.
    """
    from registry.jobs.notebook import job
    from registry.jobs.running import execute_here
    from registry.training.finetune.work import fine_tune as work

    job_id = _start(model, dataset, name, recipe, new_classes=new_classes, wait=True)
    rooms, _ = _rooms()
    said: list[str] = [""]

    def tell(run: JobRun) -> None:
        if told is not None and run.stage != said[0]:
            said[0] = run.stage
            told(run.stage)

    execute_here(rooms.database, rooms.storage, job_id, lambda run: work(run, rooms), tell)
    handle = job(job_id)
    handle.watch(None)  # raises its error; waits, where it runs elsewhere
    return handle


def _start(model: str, dataset: str, name: str, recipe: dict[str, Any], *, new_classes: bool, wait: bool) -> str:
    from registry.access.actor import local_actor
    from registry.jobs.train_parameters import read_recipe
    from registry.models.reference import Reference
    from registry.records import utc_now
    from registry.training.finetune.start import TrainingAsked, name_and_version

    wanted, (data, number) = Reference.parse(model), name_and_version(dataset)
    asked = TrainingAsked(
        wanted.name,
        data,
        wanted.version,
        wanted.alias,
        number,
        name,
        new_classes=new_classes,
        recipe=read_recipe(recipe),
    )
    return _rooms()[1].start(local_actor(), asked, utc_now() + _A_WHILE if wait else None).id


@cache
def _rooms() -> tuple[JobRooms, Trainings]:
    from registry.jobs.jobs import Jobs
    from registry.jobs.rooms import JobRooms
    from registry.libraries import prepare_libraries
    from registry.settings import load_settings
    from registry.training.datasets.catalogue import Datasets
    from registry.training.datasets.workspace import Workspace
    from registry.training.finetune.start import Trainings

    prepare_libraries()
    settings = load_settings()
    settings.prepare_home()
    rooms = JobRooms.open(settings)
    datasets = Datasets(rooms.database, Workspace(settings))
    return rooms, Trainings(Jobs(rooms.database, rooms.storage), rooms.models, datasets)
