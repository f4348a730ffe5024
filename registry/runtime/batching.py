"""Images of several requests in one graph run, where the graph takes them and it is faster."""

import statistics
from collections.abc import Callable
from concurrent.futures import Future
from threading import Event, Lock
from time import perf_counter
from typing import Protocol

import numpy as np

from registry.runtime.graph_session import TensorSpec
from registry.vision.tensor import Tensor

Run = Callable[[Tensor], tuple[Tensor, ...]]
_TRIED, _REPEATS = 4, 3
_FASTER = 0.8  # of the time for one image: less gain is not worth the wait
_USUAL_SIDE = 256  # px, for the comparison on an input of free size


class _Batch:
    """Tensors that will run together, and the outputs when they have."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.full = Event()
        self.outputs: Future[tuple[Tensor, ...]] = Future()


class Batcher:
    """Gathers tensors of one shape from several threads, at most `most`, waiting `wait_s` for more.

    The first thread to come runs the batch for all; a failure is every member's.
    """

    def __init__(self, run: Run, most: int, wait_s: float) -> None:
        self._run_batch, self._most, self._wait_s = run, most, wait_s
        self._lock = Lock()
        self._open: dict[tuple[int, ...], _Batch] = {}

    def run(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """The outputs for a (1, …) tensor; each keeps its first axis."""
        with self._lock:
            batch = self._open.setdefault(tensor.shape, _Batch())
            place = len(batch.tensors)
            batch.tensors.append(tensor)
            if len(batch.tensors) == self._most:
                del self._open[tensor.shape]
                batch.full.set()
        if place == 0:
            self._lead(batch, tensor.shape)
        return tuple(output[place : place + 1] for output in batch.outputs.result())

    def _lead(self, batch: _Batch, shape: tuple[int, ...]) -> None:
        batch.full.wait(self._wait_s)
        with self._lock:
            if self._open.get(shape) is batch:
                del self._open[shape]
        try:
            batch.outputs.set_result(self._run_batch(np.concatenate(batch.tensors)))
        except BaseException as error:
            batch.outputs.set_exception(error)
            raise


class Batchable(Protocol):
    """What `batching_pays` has to know about a session."""

    @property
    def input(self) -> TensorSpec:
        """The image input."""

    outputs: tuple[TensorSpec, ...]

    def wide_run(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """Run with every thread."""


def batching_pays(session: Batchable, narrow_run: Run) -> bool:
    """Whether the graph's batch axis is free, gives each image the answer it has alone, and is clearly faster."""
    specs = (session.input, *session.outputs)
    if any(not spec.shape or spec.fixed(0) is not None for spec in specs):
        return False
    sides = [session.input.fixed(axis) or _USUAL_SIDE for axis in (2, 3)]
    shape = (_TRIED, session.input.fixed(1) or 3, *sides)
    images = np.random.default_rng(0).random(shape, np.float32)
    together = session.wide_run(images)
    for place in range(_TRIED):
        alone = narrow_run(images[place : place + 1])
        pairs = zip(together, alone, strict=True)
        if not all(np.allclose(many[place : place + 1], one, atol=1e-3) for many, one in pairs):
            return False
    return _seconds(session.wide_run, images) < _FASTER * _TRIED * _seconds(session.wide_run, images[:1])


def _seconds(run: Run, tensor: Tensor) -> float:
    times = []
    for _ in range(_REPEATS):
        started = perf_counter()
        run(tensor)
        times.append(perf_counter() - started)
    return statistics.median(times)
