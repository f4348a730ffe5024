"""Batch inference: every image of a job through one version, several at once, resumable."""

import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass

import structlog

from registry.access import Action, require
from registry.errors import EngineBusy, InvalidInput, RegistryError, Unavailable
from registry.jobs.batch_inputs import BatchImages
from registry.jobs.batch_parameters import BatchParameters
from registry.jobs.batch_parts import Parts
from registry.jobs.batch_results import write_results
from registry.jobs.batches import DATASET, UPLOAD
from registry.jobs.image_folders import ImageFolder, OpenDataset, no_datasets, open_folder
from registry.jobs.in_mlflow import note_in_mlflow
from registry.jobs.rooms import JobRooms
from registry.jobs.running import JobRun, Result
from registry.models.answer import Answer
from registry.models.loaded import Loaded
from registry.models.serving import Serving
from registry.settings import Settings
from registry.vision.encoding import encode_jpeg

_BUSY_S = 0.05
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Asked:
    """An image on its way through the engine."""

    index: int
    answer: "Future[Answer]"


def predict_batch(run: JobRun, rooms: JobRooms, open_dataset: OpenDataset = no_datasets) -> Result:
    """Answer about the images that have no answer yet, then write the results; cancelled, those of what is finished.

    An image that cannot be read is listed and the rest goes on. Raises NotFound or Forbidden where the version, the
    folder or the owner's right is gone, Unavailable where something is away.
    """
    parameters, live = BatchParameters.model_validate(run.parameters), rooms.live.current()
    ready = rooms.serving.ready(run.owner(), parameters.model, version=parameters.version)
    folder = _folder(run, parameters.source, rooms.settings, open_dataset)
    images, parts = BatchImages(run.files, folder, live.image_max_mb), Parts(run.files)
    work = _Work(run, images, parts, live.jpeg_quality if parameters.annotate else 0)
    try:
        work.go(rooms.serving, ready, parameters)
    finally:
        images.close()
    run.progress(parts.end, len(images), "writing the results")
    result = write_results(run.files, run.ticket, parts, ready.version.card.task, annotated=parameters.annotate)
    figures = ("images", "answered", "found", "failed_total")
    note_in_mlflow(rooms.models, run, {name: float(result[name]) for name in figures})
    return {**result, "model": {"name": ready.version.name, "version": ready.version.version}}


@dataclass(frozen=True, slots=True)
class _Work:
    """The images of one run; `jpeg_quality` 0 draws no pictures."""

    run: JobRun
    images: BatchImages
    parts: Parts
    jpeg_quality: int

    def go(self, serving: Serving, ready: Loaded, parameters: BatchParameters) -> None:
        """Answer in the order of the list, with a few images on their way, until all are done or it is cancelled."""
        under_way: deque[_Asked] = deque()
        self._tell()
        for index in range(self.parts.end, len(self.images)):
            if self.run.cancelled:
                break
            under_way.append(self._ask(serving, ready, parameters, index, under_way))
            while len(under_way) > serving.engine.slots + 1:
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
                return _Asked(index, serving.submit(ready, image, parameters.thresholds))
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


def _folder(run: JobRun, source: str, settings: Settings, open_dataset: OpenDataset) -> ImageFolder | None:
    """None for what was sent. Raises Forbidden or NotFound where the owner may not read it any more."""
    if source == UPLOAD:
        return None
    if source.startswith(DATASET):
        return open_dataset(run.owner(), source.removeprefix(DATASET))[1]
    require(run.owner(), Action.READ_FOLDER)
    return open_folder(source, settings.batch_folders, settings.storage_endpoint)
