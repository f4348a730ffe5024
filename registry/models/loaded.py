"""The versions in this process's memory: loaded once, least recently used first out when it runs short."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import psutil

from registry.models.types import ModelVersion
from registry.runtime.admission import Pace
from registry.runtime.metrics import EngineMetrics
from registry.runtime.vision_model import VisionModel


@dataclass(frozen=True, slots=True)
class Loaded:
    """A version that is ready to answer, and how long its answers take.

    `size_bytes` is what the process grew by while it was loaded and run once, and at least the size of its files.
    """

    version: ModelVersion
    network: VisionModel
    size_bytes: int
    pace: Pace


class LoadedModels:
    """`open_version` builds a network from a version; `most_bytes()` is what all together may take.

    A version that is dropped while it answers lives on until those answers are given.
    """

    def __init__(
        self, open_version: Callable[[ModelVersion], VisionModel], most_bytes: Callable[[], int], metrics: EngineMetrics
    ) -> None:
        self._open, self._most_bytes, self._metrics = open_version, most_bytes, metrics
        self._lock = threading.Lock()
        self._loading = threading.Lock()  # one at a time: two would measure each other's memory
        self._loaded: OrderedDict[str, Loaded] = OrderedDict()

    def at_hand(self, version: ModelVersion) -> Loaded | None:
        """The version if it is in memory."""
        with self._lock:
            found = self._loaded.get(version.key)
            if found is not None:
                self._loaded.move_to_end(version.key)
            return found

    def get(self, version: ModelVersion) -> Loaded:
        """The version, loaded and warm; callers that arrive together load it once. Raises what loading does."""
        found = self.at_hand(version)
        if found is not None:
            return found
        with self._loading:
            found = self.at_hand(version)
            return found or self._keep(self._load(version))

    def _load(self, version: ModelVersion) -> Loaded:
        before = _resident_bytes()
        try:
            network = self._open(version)
            opened = perf_counter()
            network.warm_up()
            first_s = perf_counter() - opened
        except Exception:
            self._metrics.loads.labels("failed").inc()
            raise
        self._metrics.loads.labels("loaded").inc()
        size_bytes = max(version.size_bytes, _resident_bytes() - before)
        return Loaded(version, network, size_bytes, Pace(first_s=first_s))

    def _keep(self, made: Loaded) -> Loaded:
        with self._lock:
            self._loaded[made.version.key] = made
            while len(self._loaded) > 1 and self._bytes() > self._most_bytes():
                self._loaded.popitem(last=False)
                self._metrics.evictions.inc()
            self._metrics.loaded.set(len(self._loaded))
            self._metrics.loaded_bytes.set(self._bytes())
        return made

    def _bytes(self) -> int:
        return sum(each.size_bytes for each in self._loaded.values())


def _resident_bytes() -> int:
    """The process's memory; pages that are mapped twice count once, where the system tells."""
    memory = psutil.Process().memory_full_info()
    return int(getattr(memory, "pss", memory.rss))
