"""Answering with registered models: who asks, which version, the loaded network, the answer."""

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial

import numpy as np

from registry.access import Action, Actor, require
from registry.errors import (
    DatabaseUnavailable,
    IntegrityError,
    InvalidCard,
    InvalidModel,
    MlflowUnavailable,
    RegistryError,
    StorageUnavailable,
)
from registry.models.answer import Answer, KeptRun
from registry.models.last_inputs import LastInputs
from registry.models.loaded import Loaded, LoadedModels
from registry.models.names import check_alias
from registry.models.opening import Opening
from registry.models.registry import ModelRegistry
from registry.models.resolving import Asked, Resolver
from registry.models.strays import Stray, strays
from registry.models.swapping import Line, Swaps
from registry.models.thresholds import OF_THE_CARD, Thresholds
from registry.models.types import CHAMPION, ModelSummary, ModelVersion
from registry.runtime.adaptive_session import Host
from registry.runtime.admission import Admission
from registry.runtime.background import unhurried
from registry.runtime.card import Task
from registry.runtime.engine import Engine
from registry.runtime.host_choice import Backend
from registry.runtime.machine import usable_cores
from registry.runtime.metrics import EngineMetrics
from registry.runtime.prompts import Prompts
from registry.runtime.raw_answer import RawAnswer, resolve_thresholds
from registry.settings import Settings
from registry.vision.images import ImageBgr, decode_image

_AWAY = (MlflowUnavailable, StorageUnavailable, DatabaseUnavailable)  # says nothing about a version
log = logging.getLogger(__name__)
LEAST_CONFIDENCE = 0.01  # of what a kept run holds: an untrained detector has thousands of boxes below


class Serving:
    """The models that this process answers with, and the engine that all its callers share."""

    def __init__(self, models: ModelRegistry, settings: Settings) -> None:
        self._models, self._live = models, models.live
        self.metrics = EngineMetrics()
        cores = settings.inference_threads or usable_cores()
        slots = max(cores, settings.batch_max)
        admission = Admission(slots, settings.queue_per_core * cores, settings.queue_max_wait_ms / 1e3)
        self.engine = Engine(slots, admission, self.metrics)
        host = Host(
            threads=cores,
            alone=lambda: self.engine.alone,
            metrics=self.metrics,
            prepared=settings.prepared_graphs,
            engines=settings.home / "cache" / "engines",
            backend=Backend(settings.inference_backend),
            batch_most=settings.batch_max,
            batch_wait_s=settings.batch_wait_ms / 1e3,
            run_seconds=settings.run_max_seconds,
            sooner=True,
        )
        self.opening = Opening(models.files, host)
        self._resolver = Resolver(models)
        self._loaded = LoadedModels(
            self.opening.open, lambda: self._live.current().model_cache_mb * 2**20, self.metrics
        )
        self._swaps = Swaps(self._prove, self.metrics)
        self._lock = threading.Lock()
        self._last_input = LastInputs(lambda: self._live.current().image_max_pixels)
        self._answered = 0

    @property
    def answered(self) -> int:
        """How many images this process has answered since it started."""
        return self._answered

    def predict(
        self,
        actor: Actor,
        image: bytes | np.ndarray,
        *,
        model: str,
        version: int | None = None,
        alias: str | None = None,
        thresholds: Thresholds = OF_THE_CARD,
        prompts: Prompts | None = None,
    ) -> Answer:
        """Answer about one image: encoded bytes, or a (height, width, 3) uint8 BGR array.

        `prompts` are for models that segment by prompt, and only for them.

        Raises InvalidImage, ImageTooLarge, NotFound in its forms, Forbidden, MlflowUnavailable, EngineBusy.
        """
        ready = self.ready(actor, model, version=version, alias=alias)
        return self.submit(ready, image, thresholds, prompts).result()

    def keep_run(
        self,
        actor: Actor,
        image: bytes,
        *,
        model: str,
        version: int | None = None,
        alias: str | None = None,
        prompts: Prompts | None = None,
    ) -> KeptRun:
        """Run once on an encoded image and keep what came out: thresholds can then be moved without another run.

        Boxes that score below LEAST_CONFIDENCE are not kept. Raises as `predict`.
        """
        ready = self.ready(actor, model, version=version, alias=alias)
        return self.engine.submit(partial(self._keep, ready, image, prompts), ready.pace).result()

    def submit(
        self,
        ready: Loaded,
        image: bytes | np.ndarray,
        thresholds: Thresholds,
        prompts: Prompts | None = None,
        *,
        patient: bool = False,
    ) -> "Future[Answer]":
        """Have one image answered; cancelling the future drops it while it waits. See `Engine.submit` for the rest."""
        return self.engine.submit(partial(self._answer, ready, image, thresholds, prompts), ready.pace, patient=patient)

    def at_hand(
        self, actor: Actor, model: str, *, version: int | None = None, alias: str | None = None
    ) -> Loaded | None:
        """What `ready` would give, if that is in memory; asks and loads nothing, so an event loop may call it."""
        asked = Asked(actor, model, version, alias)
        resolved = self._resolver.remembered(asked)
        meant = self._swaps.at_hand(asked, resolved) if resolved else None
        return self._loaded.at_hand(meant) if meant else None

    def ready(self, actor: Actor, model: str, *, version: int | None = None, alias: str | None = None) -> Loaded:
        """The network a request means, loaded and warm, with its version. Raises as `predict`."""
        asked = Asked(actor, model, version, alias)
        resolved = self._resolver.resolve(asked)
        loaded = self._loaded.get(self._swaps.version(asked, resolved))
        self._swaps.answered(asked, resolved)
        return loaded

    def resolve(
        self, actor: Actor, model: str, *, version: int | None = None, alias: str | None = None
    ) -> ModelVersion:
        """The version a request would be answered with: where the alias points, or still the one before."""
        asked = Asked(actor, model, version, alias)
        return self._swaps.version(asked, self._resolver.resolve(asked))

    def move_alias(self, actor: Actor, name: str, alias: str, version: int) -> None:
        """Prove a version here, then move the alias to it; one that cannot be served moves nothing.

        Raises Forbidden, ModelNotFound, VersionNotFound, InvalidInput, InvalidModel with what is wrong, and
        MlflowUnavailable, StorageUnavailable, DatabaseUnavailable where that is only away.
        """
        check_alias(alias)
        require(actor, Action.CHANGE_MODEL, self._models.get(actor, name).target())
        wanted = self._proven(actor, name, alias, version)
        self._models.set_alias(actor, name, alias, version)
        at = time.monotonic()
        for each in (alias, "") if alias == CHAMPION else (alias,):
            self._swaps.take_over(name, each, wanted, at)
        self._resolver.forget(name)

    def _proven(self, actor: Actor, name: str, alias: str, version: int) -> ModelVersion:
        """The version an alias shall name, once it has shown that it can be served."""
        try:
            wanted = self._models.resolve(actor, name, version=version)
        except (IntegrityError, InvalidCard) as error:
            raise self._refusal(name, alias, version, error) from error
        try:
            self._prove(wanted)
        except Exception as error:  # whatever a version does wrong when it is tried, it is not named
            raise self._refusal(name, alias, version, error) from error
        return wanted

    def _refusal(self, name: str, alias: str, version: int, error: Exception) -> RegistryError:
        """Why an alias is not moved: the version is no good, or what its proof needs is away."""
        self.metrics.swaps.labels(name, "failed").inc()
        if isinstance(error, RegistryError):
            told = error.message
        else:
            log.error("version %s of %s failed when it was tried", version, name, exc_info=error)
            told = "something went wrong here when it was tried"
        kind = type(error) if isinstance(error, _AWAY) else InvalidModel
        message = f"version {version} of {name} cannot be served, {alias} stays where it is: {told}"
        return kind(message, hint=error.hint if isinstance(error, RegistryError) else "")

    def swaps(self) -> dict[tuple[str, str], Line]:
        """What each model and alias is answered with, and why a move was not taken over."""
        return self._swaps.lines()

    def strays(self, model: ModelSummary) -> Sequence[Stray]:
        """The aliases of a model that this process answers with another version than they name."""
        return strays(model, self._swaps.lines())

    def settle(self) -> None:
        """Wait until no swap is under way."""
        self._swaps.settle()

    def close(self) -> None:
        """Drop what waits, let what runs end."""
        self.engine.close()
        self._resolver.close()

    def _answer(
        self,
        ready: Loaded,
        image: bytes | np.ndarray,
        thresholds: Thresholds,
        prompts: Prompts | None,
        waited_s: float,
    ) -> Answer:
        wanted = resolve_thresholds(
            ready.network.defaults, thresholds.confidence, thresholds.iou, thresholds.max_detections
        )
        started = time.perf_counter()
        image_bgr, decode_ms = self._decoded(image)
        prediction = _run(ready, image_bgr, prompts).read(wanted)
        timing_ms = prediction.timing_ms
        timing_ms["queue"] = waited_s * 1e3
        timing_ms["decode"] = decode_ms
        timing_ms["total"] = (waited_s + time.perf_counter() - started) * 1e3
        self._note(ready, image, timing_ms)
        return Answer(ready.version, prediction, image_bgr)

    def _keep(self, ready: Loaded, image: bytes, prompts: Prompts | None, waited_s: float) -> KeptRun:
        image_bgr, decode_ms = self._decoded(image)
        raw = _run(ready, image_bgr, prompts, LEAST_CONFIDENCE)
        stages = {"queue": waited_s * 1e3, "decode": decode_ms}
        stages |= {"preprocess": raw.preprocess_ms, "inference": raw.inference_ms}
        self._note(ready, image, stages | {"total": sum(stages.values())})
        return KeptRun(ready.version, image, raw, waited_s * 1e3, decode_ms)

    def _decoded(self, image: bytes | np.ndarray) -> tuple[ImageBgr, float]:
        """The pixels, and the milliseconds it took to get them."""
        started = time.perf_counter()
        pixels = decode_image(image, self._live.current().image_max_pixels) if isinstance(image, bytes) else image
        return pixels, (time.perf_counter() - started) * 1e3

    def _note(self, ready: Loaded, image: bytes | np.ndarray, timing_ms: dict[str, float]) -> None:
        """Count an answer, and keep the image for the check of the model's next version."""
        self.metrics.observe(ready.version.name, ready.version.version, timing_ms)
        with self._lock:
            self._answered += 1
        if ready.version.card.task is not Task.PROMPT:  # a picture alone says nothing to it
            self._last_input.keep(_model_of(ready.version), image)

    def _prove(self, version: ModelVersion) -> None:
        """Load and warm a version, and try it on what its model was asked last."""
        with unhurried():
            network = self._loaded.get(version).network
        last = self._last_input.get(_model_of(version))
        if isinstance(last, bytes):
            network.predict_bytes(last, max_pixels=self._live.current().image_max_pixels)
        elif last is not None:
            network.predict(last)


def _model_of(version: ModelVersion) -> str:
    return f"{version.name} of {version.model_created_at}"


def _run(ready: Loaded, image_bgr: ImageBgr, prompts: Prompts | None, least_confidence: float = 0.0) -> RawAnswer:
    if prompts is not None:
        return ready.network.run_prompts(image_bgr, prompts)
    return ready.network.run(image_bgr, least_confidence)
