"""Batches for notebooks: of files, of a folder in place, of a dataset's version."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.jobs.batches import Batches
    from registry.jobs.handle import JobHandle


def submit_batch(
    model: str,
    images: list[str | Path] | None = None,
    *,
    folder: str = "",
    dataset: str = "",
    confidence: float | None = None,
    iou: float | None = None,
    annotate: bool = False,
) -> JobHandle:
    """Run a model (named as `nx.load` takes it) on many images in the platform's runner.

    `images` are paths of images and of zip archives, which are copied; `folder` is a folder, or `s3://bucket/prefix`,
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
    paths = [Path(each) for each in images or []]
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
