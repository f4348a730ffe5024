"""Batch inference: every image of a job through one version, several at once, resumable.

The images are looked at in this process, or in stretches wherever a `Spread` takes them.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from registry.access import Action, Actor, require
from registry.errors import EngineBusy, InvalidInput, RegistryError, Unavailable
from registry.jobs.batch_inputs import BatchImages, list_images
from registry.jobs.batch_parameters import DATASET, BatchParameters
from registry.jobs.batch_parts import Collected, Parts
from registry.jobs.batch_results import write_results
from registry.jobs.batches import UPLOAD
from registry.jobs.files import JobFiles
from registry.jobs.image_folders import ImageFolder, OpenDataset, no_datasets, reopen_folder
from registry.jobs.in_mlflow import note_in_mlflow
from registry.jobs.owners import owner_of
from registry.jobs.rooms import JobRooms
from registry.jobs.running import JobRun, Result
from registry.models.answer import Answer
from registry.models.loaded import Loaded
from registry.models.serving import Serving
from registry.settings import Settings
from registry.vision.encoding import encode_jpeg

_BUSY_S = 0.05
_STRETCH = 16  # images that go elsewhere together: little is lost with a worker, and a cancelled batch ends soon
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Asked:
    """An image on its way through the engine."""

    index: int
    answer: "Future[Answer]"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some images of a batch that follow each other, for whoever is to look at them."""

    job_id: str
    owner_id: str
    parameters: dict[str, Any]
    first: int
    end: int


Spread = Callable[[Sequence[Stretch]], Generator[list[dict[str, Any]] | None, None, None]]
"""Has stretches looked at elsewhere; gives their lines in their order, None whenever a second passed without any."""


def predict_batch(
    run: JobRun, rooms: JobRooms, open_dataset: OpenDataset = no_datasets, spread: Spread | None = None
) -> Result:
    """Answer about the images that have no answer yet, then write the results; cancelled, those of what is finished.

    An image that cannot be read is listed and the rest goes on. Raises NotFound or Forbidden where the version or the
    right to the folder is gone, Unavailable where something is away, the folder included.
    """
    parameters, live = BatchParameters.model_validate(run.parameters), rooms.live.current()
    ready = rooms.serving.ready(run.owner(), parameters.model, version=parameters.version)
    folder = _folder(run.owner(), parameters, rooms.settings, open_dataset)
    parts = Parts(run.files)
    with closing(BatchImages(run.files, folder, live.image_max_mb)) as images:
        if spread is None:
            work = _Work(run, images, parts, live.jpeg_quality if parameters.annotate else 0)
            work.go(rooms.serving, ready, parameters, len(images))
        else:
            _elsewhere(run, parts, len(images), spread)
    run.progress(parts.end, len(images), "writing the results")
    result = write_results(run.files, run.ticket, parts, ready.version.card, annotated=parameters.annotate)
    figures = ("images", "answered", "found", "failed_total")
    note_in_mlflow(rooms.models, run, {name: float(result[name]) for name in figures})
    return {**result, "model": {"name": ready.version.name, "version": ready.version.version}}


class Looker:
    """Looks at stretches in a process of its own; what one of a batch needed stays open for the next."""

    def __init__(self, rooms: JobRooms, open_dataset: OpenDataset = no_datasets) -> None:
        self._rooms, self._open_dataset = rooms, open_dataset
        self._job_id = ""
        self._images: BatchImages | None = None

    def look_at(self, stretch: Stretch) -> list[dict[str, Any]]:
        """Its lines, as the result has them; pictures are stored with the job. Raises as `predict_batch`."""
        rooms, parameters = self._rooms, BatchParameters.model_validate(stretch.parameters)
        owner, live = owner_of(rooms.database, stretch.owner_id, "started this job"), rooms.live.current()
        ready = rooms.serving.ready(owner, parameters.model, version=parameters.version)
        lines = Collected(JobFiles(rooms.storage, stretch.job_id), stretch.first)
        images = self._images_of(stretch.job_id, owner, parameters, live.image_max_mb)
        work = _Work(_Unwatched(stretch.job_id), images, lines, live.jpeg_quality if parameters.annotate else 0)
        work.go(rooms.serving, ready, parameters, stretch.end)
        return lines.lines

    def close(self) -> None:
        """Close the images of the last batch."""
        if self._images is not None:
            self._images.close()
        self._job_id, self._images = "", None

    def _images_of(self, job_id: str, owner: Actor, parameters: BatchParameters, most_mb: int) -> BatchImages:
        if self._images is None or self._job_id != job_id:
            self.close()
            folder = _folder(owner, parameters, self._rooms.settings, self._open_dataset)
            self._images = BatchImages(JobFiles(self._rooms.storage, job_id), folder, most_mb)
            self._job_id = job_id
        return self._images


def _elsewhere(run: JobRun, parts: Parts, count: int, spread: Spread) -> None:
    """Write down what others find, in the order of the list, until all is done or it is cancelled."""
    firsts = range(parts.end, count, _STRETCH)
    about = (run.job_id, run.owner_id, run.parameters)
    stretches = [Stretch(*about, first, min(first + _STRETCH, count)) for first in firsts]
    with closing(spread(stretches)) as found:
        for lines in found:
            for line in lines or ():
                parts.add(line)
            run.progress(parts.end, count, "looking at the images")
            if run.cancelled:
                break
    parts.flush()


class _Watched(Protocol):
    """Who is told how far the work is, and says whether to stop."""

    job_id: str

    @property
    def cancelled(self) -> bool: ...

    def progress(self, done: int, total: int, stage: str) -> None: ...


@dataclass
class _Unwatched:
    """Nobody: whoever gave the stretch away looks after the whole."""

    job_id: str
    cancelled = False

    def progress(self, done: int, total: int, stage: str) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class _Work:
    """The images of one run; `jpeg_quality` 0 draws no pictures."""

    run: _Watched
    images: BatchImages
    parts: Parts | Collected
    jpeg_quality: int

    def go(self, serving: Serving, ready: Loaded, parameters: BatchParameters, end: int) -> None:
        """Answer in the order of the list, with a few images on their way, until all are done or it is cancelled."""
        under_way: deque[_Asked] = deque()
        self._tell()
        for index in range(self.parts.end, end):
            if self.run.cancelled:
                break
            under_way.append(self._ask(serving, ready, parameters, index, under_way))
            while len(under_way) > 2 * serving.engine.slots + 1:
                self._finish(under_way.popleft())
        for asked in under_way:
            self._finish(asked)
        self.parts.flush()

    def _ask(
        self, serving: Serving, ready: Loaded, parameters: BatchParameters, index: int, under_way: deque[_Asked]
    ) -> _Asked:
        try:
            image = self.images.read(index)
        except InvalidInput as error:
            return _Asked(index, _refused(error))
        while True:
            try:
                return _Asked(index, serving.submit(ready, image, parameters.thresholds, patient=True))
            except EngineBusy:  # a slow model: one at a time then
                if under_way:
                    self._finish(under_way.popleft())
                else:
                    time.sleep(_BUSY_S)

    def _finish(self, asked: _Asked) -> None:
        name = self.images.name(asked.index)
        try:
            answer = asked.answer.result()
        except Unavailable:
            raise
        except RegistryError as error:
            self.parts.add({"file": name, "error": {"code": error.code, "message": error.message}})
        except Exception as error:  # noqa: BLE001 - one odd image must not cost the others
            _log.error("image_failed", job=self.run.job_id, image=name, exc_info=error)
            what = f"the model failed on it: {type(error).__name__}"
            self.parts.add({"file": name, "error": {"code": RegistryError.code, "message": what}})
        else:
            if self.jpeg_quality:
                self.parts.keep_picture(asked.index, encode_jpeg(answer.plot(), self.jpeg_quality))
            self.parts.add({"file": name, **answer.prediction.to_dict()})
        self._tell()

    def _tell(self) -> None:
        self.run.progress(self.parts.end, len(self.images), "looking at the images")


def _refused(error: InvalidInput) -> "Future[Answer]":
    """An answer that is known to fail before the engine is asked."""
    future: Future[Answer] = Future()
    future.set_exception(error)
    return future


def _folder(
    owner: Actor, parameters: BatchParameters, settings: Settings, open_dataset: OpenDataset
) -> ImageFolder | None:
    """None for what was sent.

    Raises Forbidden or NotFound where the owner may not read it any more, InvalidInput where it is another dataset.
    """
    source = parameters.source
    if source == UPLOAD:
        return None
    if source.startswith(DATASET):
        named, pictures = open_dataset(owner, source.removeprefix(DATASET))
        if parameters.digest and list_images(pictures).digest != parameters.digest:
            raise InvalidInput(
                f"dataset {named} holds other pictures than when the batch was started", hint="Start a new batch."
            )
        return pictures
    require(owner, Action.READ_FOLDER)
    return reopen_folder(source, settings.batch_folders, settings.storage_endpoint)
