"""Answering with registered models: who asks, which version, the loaded network, the answer."""

import os
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from registry.access import Actor
from registry.errors import MlflowUnavailable, RegistryError
from registry.models.answer import Answer
from registry.models.registry import ModelRegistry
from registry.models.types import ModelVersion
from registry.runtime.loading import load
from registry.runtime.vision_model import VisionModel
from registry.settings import Settings
from registry.vision.images import decode_image

RESOLVE_SECONDS = 1.0
STALE_SECONDS = 2.0  # the longest that a moved alias or a changed right may take to be seen
_RESOLVED_MOST = 4_096


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a request may ask for; None means the card's default."""

    confidence: float | None = None
    iou: float | None = None
    max_detections: int | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    actor: Actor
    model: str
    version: int | None
    alias: str | None

    @property
    def key(self) -> tuple[str, str, int | None, str | None]:
        return self.actor.id, self.model, self.version, self.alias


@dataclass(frozen=True, slots=True)
class _Resolved:
    version: ModelVersion
    at: float  # time.monotonic()


class Serving:
    """The models loaded in this process, least recently used first out when memory runs short."""

    def __init__(self, models: ModelRegistry, settings: Settings) -> None:
        self._models = models
        self._settings = settings
        self._lock = threading.Lock()
        self._loading: dict[str, threading.Lock] = {}
        self._loaded: OrderedDict[str, tuple[VisionModel, int]] = OrderedDict()
        self._resolved: dict[tuple[str, str, int | None, str | None], _Resolved] = {}
        self._refreshing = threading.Lock()
        self._threads = settings.inference_threads or os.cpu_count() or 1
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
        thresholds: Thresholds = Thresholds(),
    ) -> Answer:
        """Answer about one image: encoded bytes, or a (height, width, 3) uint8 BGR array.

        Raises InvalidImage, ImageTooLarge, NotFound in its forms, Forbidden, MlflowUnavailable.
        """
        started = time.perf_counter()
        resolved = self.resolve(actor, model, version=version, alias=alias)
        network = self.network(resolved)
        waited = time.perf_counter()
        image_bgr = decode_image(image, self._settings.image_max_pixels) if isinstance(image, bytes) else image
        decoded = time.perf_counter()
        prediction = network.predict(
            image_bgr,
            confidence=thresholds.confidence,
            iou=thresholds.iou,
            max_detections=thresholds.max_detections,
        )
        prediction.timing_ms["queue"] = (waited - started) * 1e3
        prediction.timing_ms["decode"] = (decoded - waited) * 1e3
        prediction.timing_ms["total"] = (time.perf_counter() - started) * 1e3
        self._answered += 1
        return Answer(resolved, prediction, image_bgr)

    def resolve(
        self, actor: Actor, model: str, *, version: int | None = None, alias: str | None = None
    ) -> ModelVersion:
        """`ModelRegistry.resolve`, remembered for each actor.

        After RESOLVE_SECONDS the next request has it asked again beside it, after STALE_SECONDS it waits itself.
        """
        asked = _Asked(actor, model, version, alias)
        known, now = self._resolved.get(asked.key), time.monotonic()
        if known is None:
            return self._resolve(asked)
        if known.at + STALE_SECONDS < now:
            return self._resolve_or_keep(asked, known)
        if known.at + RESOLVE_SECONDS < now and self._refreshing.acquire(blocking=False):
            threading.Thread(target=self._refresh, args=(asked,), daemon=True).start()
        return known.version

    def _resolve(self, asked: "_Asked") -> ModelVersion:
        found = self._models.resolve(asked.actor, asked.model, version=asked.version, alias=asked.alias)
        if len(self._resolved) >= _RESOLVED_MOST:
            self._resolved.clear()
        self._resolved[asked.key] = _Resolved(found, time.monotonic())
        return found

    def _resolve_or_keep(self, asked: "_Asked", known: "_Resolved") -> ModelVersion:
        """Ask again; while MLflow is away nothing can have moved, so what it said last goes on."""
        try:
            return self._resolve(asked)
        except MlflowUnavailable:
            self._resolved[asked.key] = _Resolved(known.version, time.monotonic())
            return known.version

    def _refresh(self, asked: "_Asked") -> None:
        """Ask again beside the requests, so that none of them waits for MLflow under steady traffic."""
        try:
            self._resolve(asked)
        except MlflowUnavailable:
            pass  # the next request that waits decides
        except RegistryError:
            self._resolved.pop(asked.key, None)  # the next request asks for itself, and hears why
        finally:
            self._refreshing.release()

    def network(self, version: ModelVersion) -> VisionModel:
        """The loaded network of a version; callers that arrive together load it once."""
        found = self._take(_key(version))
        if found is not None:
            return found
        with self._lock:
            loading = self._loading.setdefault(_key(version), threading.Lock())
        with loading:
            found = self._take(_key(version))
            if found is None:
                found = self._load(version)
        return found

    def _take(self, key: str) -> VisionModel | None:
        with self._lock:
            found = self._loaded.get(key)
            if found is None:
                return None
            self._loaded.move_to_end(key)
            return found[0]

    def _load(self, version: ModelVersion) -> VisionModel:
        files: dict[str, bytes | Path] = dict(self._models.files.fetch(version))
        network = load(files, version.card, threads=self._threads)
        network.warm_up()
        with self._lock:
            self._loaded[_key(version)] = (network, version.size_bytes)
            budget = self._settings.model_cache_mb * 2**20
            while len(self._loaded) > 1 and sum(size for _, size in self._loaded.values()) > budget:
                self._loaded.popitem(last=False)
            self._loading.pop(_key(version), None)
        return network


def _key(version: ModelVersion) -> str:
    return f"{version.run_id}:{version.sha256}"  # the same bytes may be published twice, with different cards
