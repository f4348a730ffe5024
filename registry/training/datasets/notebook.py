"""For notebooks: batches of files, of a folder in place, of a dataset's version; datasets on their way in."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.jobs.batches import Batches
    from registry.jobs.handle import JobHandle
    from registry.training.datasets.importing import Imports


def submit_batch(
    model: str,
    images: str | Path | list[str | Path] | None = None,
    *,
    folder: str = "",
    dataset: str = "",
    confidence: float | None = None,
    iou: float | None = None,
    annotate: bool = False,
) -> JobHandle:
    """Run a model (named as `nx.load` takes it) on many images in the platform's runner.

    `images` are paths, or one, of images and of zip archives, which are copied; `folder` is a folder, or `s3://bucket/prefix`,
    that NEXUSAI_BATCH_FOLDERS names, which is read in place; `dataset` is `name` (its newest version) or
    `name/version`. Raises InvalidInput, InvalidArchive, NotFound in its forms, TooManyRequests.
    """
    from registry.access.actor import local_actor
    from registry.errors import InvalidInput
    from registry.jobs.batch_inputs import Upload
    from registry.jobs.batches import Asked
    from registry.jobs.notebook import job
    from registry.models.quarantine import chunks_of
    from registry.models.reference import Reference
    from registry.models.thresholds import Thresholds

    if [bool(images), bool(folder), bool(dataset)].count(True) != 1:
        raise InvalidInput("give either images, a folder or a dataset")
    paths = [Path(each) for each in ([images] if isinstance(images, str | Path) else images or [])]
    for path in paths:
        if not path.is_file():
            raise InvalidInput(f"{path} is not a file")
    wanted = Reference.parse(model)
    asked = Asked(wanted.name, wanted.version, wanted.alias, Thresholds(confidence, iou), annotate)
    batches, actor = _batches(), local_actor()
    if dataset:
        return job(batches.start_dataset(actor, asked, dataset).id)
    if folder:
        return job(batches.start_folder(actor, asked, folder).id)
    uploads = (Upload(path.name, chunks_of(path, 1 << 20)) for path in paths)
    return job(batches.start_uploads(actor, asked, uploads).id)


@cache
def _batches() -> Batches:
    from registry.jobs.batches import Batches
    from registry.jobs.notebook import rooms
    from registry.training.datasets.catalogue import Datasets
    from registry.training.datasets.images import images_of
    from registry.training.datasets.workspace import Workspace

    jobs, _, models = rooms()
    return Batches(jobs, models, images_of(Datasets(jobs.database, Workspace(models.settings))))


def import_dataset(
    archive: str | Path,
    name: str,
    *,
    format: str = "",  # noqa: A002 - the field's name everywhere
    task: str = "",
    note: str = "",
    split: dict[str, object] | None = None,
    new_test: bool = False,
) -> JobHandle:
    """Make a zip archive (YOLO, COCO, Pascal VOC, folders of classes) a dataset, or the next version of one.

    The platform's runner does it: the archive is copied, its report is the job's result `report.json`. Format and task
    are found out unless they are named; `split` is a plan as `SplitPlan` has it, to divide the samples anew. Raises
    InvalidInput, InvalidArchive, TooManyRequests.
    """
    from registry.access.actor import local_actor
    from registry.errors import InvalidInput
    from registry.jobs.notebook import job
    from registry.models.quarantine import chunks_of
    from registry.training.datasets.changes import NewVersion
    from registry.training.datasets.intake import FORMATS, Wanted
    from registry.training.datasets.plan import plan_from
    from registry.training.datasets.sample import DatasetTask

    path = Path(archive)
    if not path.is_file():
        raise InvalidInput(f"{path} is not a file", hint="Pack the dataset's folder as a .zip.")
    if task and task not in set(DatasetTask):
        raise InvalidInput(f"{task!r} is not a task", hint=f"One of: {', '.join(DatasetTask)}.")
    if format and format not in FORMATS:
        raise InvalidInput(f"{format!r} is no format", hint=f"One of: {', '.join(FORMATS)}.")
    wanted = Wanted(format or None, DatasetTask(task) if task else None)
    plan = None if split is None else plan_from(split)
    new = NewVersion(name, wanted, note=note, split=plan, new_test=new_test)
    imports, most_mb = _imports()
    return job(imports.start(local_actor(), path.name, chunks_of(path, most_mb()), new).id)


@cache
def _imports() -> tuple[Imports, Callable[[], int]]:
    """The way in, and the most MiB that an archive may have now."""
    from registry.jobs.notebook import rooms
    from registry.training.datasets.catalogue import Datasets
    from registry.training.datasets.changes import DatasetChanges
    from registry.training.datasets.importing import Imports
    from registry.training.datasets.workspace import Workspace

    jobs, _, models = rooms()
    datasets = Datasets(jobs.database, Workspace(models.settings))
    changes = DatasetChanges(models.settings, jobs.database, models.live, datasets)
    return Imports(jobs, changes), lambda: models.live.current().upload_max_mb
