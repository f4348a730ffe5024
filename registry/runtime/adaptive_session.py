"""One graph run as the load asks for: all cores for a run that is alone, one core for each of several."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore, Lock, Thread

import structlog

from registry.runtime.background import hurried
from registry.runtime.batching import Batcher, batching_pays
from registry.runtime.graph_session import GraphSession
from registry.runtime.host_choice import Backend, HostChoice, default_choice
from registry.runtime.metrics import EngineMetrics
from registry.runtime.onnx_session import OnnxSession
from registry.runtime.openvino_session import OpenVinoSession
from registry.runtime.prepared import prepared_sessions
from registry.runtime.proven_file import ProvenFile
from registry.runtime.run_deadline import RUN_SECONDS
from registry.vision.tensor import Tensor

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Host:
    """How graphs run in this process.

    `threads` is the most that one run may use, `alone` says whether a run has the machine to itself, `prepared` is
    the folder of optimised graphs, `engines` that of what TensorRT builds. `backend` runs what nothing was chosen
    for. `batch_most` above 1 allows batches, which wait `batch_wait_s` to fill. `enlarge`: a small image is scaled up
    to what the model was made for, even where its input takes any size. A run that takes longer than `run_seconds` for
    each image is ended. `sooner`: where somebody waits for a model, it is ready before its second session is, which is
    built beside the first runs that want it.
    """

    threads: int
    alone: Callable[[], bool]
    metrics: EngineMetrics
    prepared: Path
    engines: Path | None = None
    backend: Backend = Backend.CPU
    batch_most: int = 1
    batch_wait_s: float = 0.002
    enlarge: bool = True
    run_seconds: float = RUN_SECONDS
    sooner: bool = False

    def default(self) -> HostChoice:
        """How a version runs that nothing was chosen for."""
        return default_choice(self.backend, self.threads)


class AdaptiveSession(GraphSession):
    """Two sessions over one graph: `wide` for a run that is alone, `narrow` for runs beside one another.

    On the processor a run of the narrow session stays in its caller's thread, which answers most images a second;
    the wide one answers a single image soonest, and all while there is no narrow one yet. A GPU has one session for
    both: it schedules by itself.

    Raises InvalidModel, and BackendUnavailable when what the choice names does not start here.
    """

    def __init__(self, model: bytes | ProvenFile, host: Host, choice: HostChoice | None = None) -> None:
        self._host = host
        self._model = ProvenFile.of(model) if isinstance(model, bytes) else model
        chosen = choice or host.default()
        self._narrow_threads = chosen.beside
        self._narrow_begun = Lock()
        self._narrow: GraphSession | None
        self._wide, self._narrow = _sessions(self._model, host, chosen)
        self._describe(self._wide.inputs, self._wide.outputs, self._wide.providers)
        self._side_by_side = BoundedSemaphore(chosen.sessions)
        self._batcher: Batcher | None = None
        if host.batch_most > 1 and batching_pays(self, self._narrow_run):
            self._batcher = Batcher(self._batch_run, host.batch_most, host.batch_wait_s)

    def run(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """See `GraphSession.run`; the answer is the same whichever session gives it."""
        if self._host.alone():
            return self.wide_run(tensor)
        if self._batcher is not None:
            return self._batcher.run(tensor)
        return self._narrow_run(tensor)

    def wide_run(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """Run with every thread."""
        self._host.metrics.runs.labels("wide").inc()
        return self._wide.run(tensor)

    def _narrow_run(self, tensor: Tensor) -> tuple[Tensor, ...]:
        narrow = self._narrow
        if narrow is None:
            if self._narrow_begun.acquire(blocking=False):
                Thread(target=self._make_narrow, name="narrow-session", daemon=True).start()
            return self.wide_run(tensor)
        self._host.metrics.runs.labels("narrow").inc()
        with self._side_by_side:
            return narrow.run(tensor)

    def _make_narrow(self) -> None:
        try:
            (made,) = prepared_sessions(
                self._model, self._host.prepared, (self._narrow_threads,), self._host.run_seconds
            )
            self._narrow = OnnxSession.over(made)
        except Exception:  # noqa: BLE001 - a thread's edge: whatever is wrong with the second session, the first answers
            _log.exception("narrow_session_failed", sha256=self._model.sha256)
            self._narrow = self._wide

    def _batch_run(self, tensor: Tensor) -> tuple[Tensor, ...]:
        self._host.metrics.batches.observe(len(tensor))
        return self.wide_run(tensor)


def _sessions(model: ProvenFile, host: Host, chosen: HostChoice) -> tuple[GraphSession, GraphSession | None]:
    """The wide and the narrow session; the same one where there is nothing to choose between, none if that can wait."""
    seconds = host.run_seconds
    same = (chosen.threads, 1) == (chosen.beside, chosen.sessions)
    if chosen.backend is Backend.OPENVINO:
        model_bytes = model.read()
        wide = OpenVinoSession(model_bytes, chosen.threads, 1, chosen.precision, seconds)
        if same:
            return wide, wide
        return wide, OpenVinoSession(model_bytes, chosen.beside, chosen.sessions, chosen.precision, seconds)
    if chosen.backend.on_gpu or chosen.threads == chosen.beside:
        only = OnnxSession(model.read(), chosen.threads, chosen.backend, host.engines, seconds)
        return only, only
    later = host.sooner and hurried() and host.batch_most == 1
    threads = (chosen.threads,) if later else (chosen.threads, chosen.beside)
    first, *further = map(OnnxSession.over, prepared_sessions(model, host.prepared, threads, seconds))
    return first, further[0] if further else None
