"""An engine: a process that holds one version of a model and finds objects in pictures.

What crashes, hangs or eats memory in here costs this process; the worker starts another.
"""

import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection

import supervision as sv

from registry.errors import RegistryError
from registry.models.client import Mlflow
from registry.models.files import VersionFiles
from registry.models.opening import Opening
from registry.models.types import ModelVersion
from registry.runtime.adaptive_session import Host
from registry.runtime.host_choice import Backend
from registry.runtime.machine import usable_cores
from registry.runtime.metrics import EngineMetrics
from registry.runtime.vision_model import VisionModel
from registry.settings import Settings
from registry.worker.wire import Thresholds, UInt8, pack_found, pack_word, unpack_images


def serve(connection: Connection, settings: Settings, version: ModelVersion) -> None:
    """Load a version, say so, and answer until the other side is gone. The entry of the process."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the worker decides when it ends, or ends itself
        signal.signal(number, signal.SIG_IGN)
    busy = _Busy()
    try:
        network = _open(settings, version, busy)
    except RegistryError as error:
        connection.send_bytes(pack_word(problem=f"{error.message} {error.hint}".strip()))
        return
    except Exception as error:  # noqa: BLE001 - the edge of a process: whatever is wrong with the model is told
        connection.send_bytes(pack_word(problem=f"{type(error).__name__}: {error}"[:300]))
        return
    connection.send_bytes(pack_word(ready=os.getpid(), providers=list(network.providers)))
    with suppress(EOFError, OSError):
        _answer(connection, network, busy)


class _Busy:
    """How many images are under way."""

    def __init__(self) -> None:
        self._count = 0
        self._lock = threading.Lock()

    def set(self, count: int) -> None:
        with self._lock:
            self._count = count

    def alone(self) -> bool:
        return self._count <= 1


def _open(settings: Settings, version: ModelVersion, busy: _Busy) -> VisionModel:
    cores = settings.inference_threads or usable_cores()
    host = Host(
        threads=cores,
        alone=busy.alone,
        metrics=EngineMetrics(),
        prepared=settings.prepared_graphs,
        engines=settings.home / "cache" / "engines",
        backend=Backend(settings.inference_backend),
        batch_most=settings.batch_max,
        batch_wait_s=settings.batch_wait_ms / 1e3,
        run_seconds=settings.run_max_seconds,
        enlarge=False,  # a part of a frame is cut out because it is cheaper than the frame
    )
    network = Opening(VersionFiles(settings, Mlflow(settings)), host).open(version)
    network.warm_up()
    return network


def _answer(connection: Connection, network: VisionModel, busy: _Busy) -> None:
    threads = max(usable_cores(), 1)
    with ThreadPoolExecutor(threads, thread_name_prefix="inference") as pool:
        while True:
            images, thresholds = unpack_images(connection.recv_bytes())
            busy.set(len(images))
            try:
                answer = pack_found(_find(network, pool, images, thresholds))
            except Exception as error:  # noqa: BLE001 - an image that breaks the model costs that image
                answer = pack_word(problem=f"{type(error).__name__}: {error}"[:300])
            connection.send_bytes(answer)


def _find(
    network: VisionModel, pool: ThreadPoolExecutor, images: Sequence[UInt8], thresholds: Thresholds
) -> list[sv.Detections]:
    def one(image: UInt8) -> sv.Detections:
        found = network.predict(image, confidence=thresholds.confidence, iou=thresholds.iou).detections
        return sv.Detections.empty() if found is None else found

    return [one(images[0])] if len(images) == 1 else list(pool.map(one, images))
