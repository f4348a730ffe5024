"""Submitting batches: which version, which images, as one job."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from registry.access import Action, Actor, require
from registry.errors import InvalidInput
from registry.jobs.batch_inputs import Listing, Upload, keep_listing, list_images, take_uploads
from registry.jobs.batch_parameters import DATASET, BatchParameters
from registry.jobs.files import JobFiles
from registry.jobs.image_folders import ImageFolder, OpenDataset, no_datasets, open_folder
from registry.jobs.jobs import Jobs
from registry.jobs.kinds import BATCH
from registry.models.registry import ModelRegistry
from registry.models.thresholds import Thresholds
from registry.records import Job, new_id
from registry.runtime.card import Task
from registry.runtime.raw_answer import resolve_thresholds

UPLOAD = "upload"


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants done with their images; neither version nor alias means the champion."""

    model: str
    version: int | None = None
    alias: str | None = None
    thresholds: Thresholds = field(default_factory=Thresholds)
    annotate: bool = False


class Batches:
    """The way in for batches of one platform."""

    def __init__(self, jobs: Jobs, models: ModelRegistry, open_dataset: OpenDataset = no_datasets) -> None:
        self._jobs, self._models, self._open_dataset = jobs, models, open_dataset

    def start_uploads(self, actor: Actor, asked: Asked, uploads: Iterable[Upload]) -> Job:
        """A batch of what is sent: images, and zip archives of images.

        The same images, asked for in the same way, are the same job unless that came to nothing.
        Raises InvalidInput in its forms, NotFound in its forms, Forbidden, TooManyRequests, StorageUnavailable.
        """
        parameters, sha256 = self._parameters(actor, asked, UPLOAD)
        files = JobFiles(self._jobs.storage, new_id())
        try:
            listing = take_uploads(files, uploads)
            return self._start(actor, parameters, sha256, files, listing)
        except BaseException:  # also when the sender goes away half-way
            files.clear("input")
            raise

    def start_folder(self, actor: Actor, asked: Asked, folder: str) -> Job:
        """A batch of the images in a folder on the server, or below `s3://bucket/prefix`. Raises as `start_uploads`."""
        require(actor, Action.READ_FOLDER)
        parameters, sha256 = self._parameters(actor, asked, folder)
        files = JobFiles(self._jobs.storage, new_id())
        return self._start(actor, parameters, sha256, files, list_images(self._folder(folder)))

    def start_dataset(self, actor: Actor, asked: Asked, reference: str) -> Job:
        """A batch of the pictures of a dataset's version, `name` for the newest or `name/version`.

        Raises as `start_uploads`.
        """
        self._jobs.check_room(actor)  # before a version is fetched from far away
        named, pictures = self._open_dataset(actor, reference)
        listing = list_images(pictures)
        parameters, sha256 = self._parameters(actor, asked, f"{DATASET}{named}", listing.digest)
        return self._start(actor, parameters, sha256, JobFiles(self._jobs.storage, new_id()), listing)

    def check_folder(self, actor: Actor, asked: Asked, folder: str) -> None:
        """Raise what `start_folder` would, as far as it can be known before."""
        require(actor, Action.READ_FOLDER)
        self._parameters(actor, asked, folder)
        self._folder(folder).close()

    def check_dataset(self, actor: Actor, asked: Asked, reference: str) -> None:
        """Raise what `start_dataset` would, as far as it can be known before."""
        named, pictures = self._open_dataset(actor, reference)
        pictures.close()
        self._parameters(actor, asked, f"{DATASET}{named}")

    def _folder(self, folder: str) -> ImageFolder:
        settings = self._models.settings
        return open_folder(folder, settings.batch_folders, settings.storage_endpoint)

    def _parameters(self, actor: Actor, asked: Asked, source: str, digest: str = "") -> tuple[BatchParameters, str]:
        """The parameters with the version that answers now, and that version's sha256."""
        self._jobs.check_room(actor)
        require(actor, Action.PREDICT)
        version = self._models.resolve(actor, asked.model, version=asked.version, alias=asked.alias)
        if version.card.task == Task.PROMPT:
            raise InvalidInput(
                "a batch has no prompts, and this model segments by prompt", hint="Choose another model."
            )
        given = asked.thresholds
        resolve_thresholds(version.card.thresholds, given.confidence, given.iou, given.max_detections)
        parameters = BatchParameters(
            model=version.name,
            version=version.version,
            source=source,
            digest=digest,
            confidence=given.confidence,
            iou=given.iou,
            max_detections=given.max_detections,
            annotate=asked.annotate,
        )
        return parameters, version.sha256

    def _start(self, actor: Actor, parameters: BatchParameters, sha256: str, files: JobFiles, listing: Listing) -> Job:
        keep_listing(files, listing)
        about = [parameters.model_dump(mode="json"), sha256, listing.digest]
        key = "content:" + hashlib.sha256(json.dumps(about).encode()).hexdigest()
        total = len(listing.entries)
        job = self._jobs.start(actor, BATCH.name, parameters, job_id=files.job_id, key=key, total=total)
        if job.id != files.job_id:  # it is there already
            files.clear("input")
        return job
