"""An ONNX Runtime session built from checked bytes: one image tensor in, arrays out."""

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from registry.errors import BackendUnavailable, InvalidModel
from registry.runtime.arena import arena_bytes, give_back, give_back_after, in_shared_arena, note_peak
from registry.runtime.graph_check import check_graph
from registry.runtime.graph_session import GraphSession, TensorSpec, reason_of
from registry.runtime.host_choice import Backend
from registry.runtime.providers import CPU, PROVIDERS, load_gpu_libraries, possible, providers_of, why_not
from registry.runtime.run_deadline import BUILD_SECONDS, RUN_SECONDS, WATCHDOG, too_slow
from registry.runtime.runtime_words import NoRoom, runtime_words
from registry.vision.tensor import Tensor

ORT_ERRORS = (
    ort_errors.EPFail,
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoSuchFile,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
    RuntimeError,
    ValueError,
)


_NO_ROOM = "Available memory of"  # as the arena says it


class BoundedSession(ort.InferenceSession):  # type: ignore[misc]
    """A session whose runs end: each may take `run_seconds` for every image of its batch.

    On a GPU the first run, and with TensorRT every run, may take BUILD_SECONDS at least. ONNX Runtime stops between
    two operators, inside loops and branches too, and the session can be run again. What runs on the processor gives the
    memory of a run that failed, or took far more than any before, back to the system, and all of its own when it goes.
    """

    def __init__(self, *given: Any, run_seconds: float = RUN_SECONDS, **named: Any) -> None:
        super().__init__(*given, **named)
        self._run_seconds = run_seconds
        provider = self.get_providers()[0]
        self._builds_always = provider == PROVIDERS[Backend.TENSORRT]
        self._may_build = provider != CPU
        self._in_arena = provider == CPU
        if self._in_arena:
            note_peak()

    def __del__(self) -> None:
        self._sess = None  # its memory first
        if getattr(self, "_in_arena", False) and not sys.is_finalizing():
            give_back()

    def run(
        self,
        output_names: Sequence[str] | None,
        input_feed: Mapping[str, npt.NDArray[np.generic]],
        run_options: ort.RunOptions | None = None,
    ) -> list[Any]:
        """See `InferenceSession.run`. Raises ModelTooSlow."""
        options = run_options or ort.RunOptions()
        seconds = self._seconds(input_feed)
        began_s = perf_counter()
        run = WATCHDOG.begin(partial(setattr, options, "terminate", True), seconds)
        try:
            answers: list[Any] = super().run(output_names, input_feed, options)
        except ORT_ERRORS as error:
            if self._in_arena:
                give_back()
            if run.ended:
                raise too_slow(seconds) from error
            if _NO_ROOM in str(error):
                raise NoRoom(
                    f"the runs of all models may take {arena_bytes() >> 20:,} MiB, and this one asked for more"
                ) from error
            raise
        finally:
            WATCHDOG.finish(run)
        if self._in_arena:
            give_back_after(perf_counter() - began_s)
        self._may_build = self._builds_always
        return answers

    def _seconds(self, inputs: Mapping[str, npt.NDArray[np.generic]]) -> float:
        images = max((len(value) for value in inputs.values() if value.ndim == 4), default=1)
        seconds = self._run_seconds * max(images, 1)
        return max(seconds, BUILD_SECONDS) if self._may_build else seconds


def raw_session(
    model_bytes: bytes,
    threads: int,
    backend: Backend = Backend.CPU,
    engines: Path | None = None,
    run_seconds: float = RUN_SECONDS,
) -> BoundedSession:
    """A session from bytes that passed `check_graph`, with `threads` threads for one run on the processor.

    Bytes, not a path: ONNX Runtime then knows no folder to read further files from. `engines` is the folder that
    keeps what TensorRT builds.

    Raises:
        InvalidModel: the graph is refused, or ONNX Runtime cannot build it.
        BackendUnavailable: the backend does not start here. ONNX Runtime by itself would go on with the CPU.
    """
    check_graph(model_bytes)
    wanted = PROVIDERS.get(backend)
    if wanted is None:
        raise BackendUnavailable(f"{backend} does not run this kind of model: it runs by ONNX Runtime alone")
    if backend.on_gpu:
        if not possible(backend):
            raise _not_started(backend)
        load_gpu_libraries()
    providers = providers_of(backend, model_bytes, engines)
    try:
        options = session_options(threads)
        if backend is Backend.CPU:
            in_shared_arena(options)
        session = BoundedSession(model_bytes, options, providers, run_seconds=run_seconds, enable_fallback=0)
    except ORT_ERRORS as error:
        if backend.on_gpu:
            raise _not_started(backend, reason_of(error)) from error
        raise InvalidModel(
            f"ONNX Runtime cannot build the graph: {runtime_words(error)}",
            hint="Export the model anew, with opset 17 and standard operators.",
        ) from error
    if session.get_providers()[0] != wanted:
        raise _not_started(backend)
    session._model_bytes = None  # kept for a change of providers only, which would double the model's memory
    return session


def _not_started(backend: Backend, said: str = "") -> BackendUnavailable:
    reason, hint = why_not(backend)
    told = f"{reason}; ONNX Runtime says: {said}" if said else reason
    return BackendUnavailable(f"{backend} does not start here: {told}", hint=hint)


def session_options(threads: int) -> ort.SessionOptions:
    """Options of every session: `threads` for one run, operators one after the other, errors alone in the log."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    options.add_session_config_entry("session.load_model_format", "ONNX")
    options.add_session_config_entry("session.force_spinning_stop", "1")  # between runs the cores are somebody else's
    return options


class OnnxSession(GraphSession):
    """A graph in ONNX Runtime, with `threads` threads for one run."""

    def __init__(
        self,
        model_bytes: bytes,
        threads: int,
        backend: Backend = Backend.CPU,
        engines: Path | None = None,
        run_seconds: float = RUN_SECONDS,
    ) -> None:
        self._use(raw_session(model_bytes, threads, backend, engines, run_seconds))

    @classmethod
    def over(cls, session: BoundedSession) -> Self:
        """The same over a session that is there already."""
        made = cls.__new__(cls)
        made._use(session)
        return made

    def _use(self, session: BoundedSession) -> None:
        self._session = session
        self._describe(_specs(session.get_inputs()), _specs(session.get_outputs()), session.get_providers())

    def run(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """See `GraphSession.run`."""
        return run_graph(self._session, {self.input.name: tensor.astype(self.input_dtype, copy=False)})


def run_graph(session: BoundedSession, inputs: Mapping[str, npt.NDArray[np.generic]]) -> tuple[Tensor, ...]:
    """Every output of a session for these inputs, as float32.

    Raises:
        InvalidModel: the graph failed on them, with ONNX Runtime's reason.
        ModelTooSlow: it took longer than a run may.
    """
    try:
        answers = session.run(None, dict(inputs))
    except ORT_ERRORS as error:
        shapes = ", ".join(str(value.shape) for value in inputs.values())
        raise InvalidModel(
            f"the graph failed on an input of {shapes}: {runtime_words(error)}",
            hint="Try another picture; where each of them fails, export the model anew.",
        ) from error
    return tuple(np.asarray(answer, np.float32) for answer in answers)


def _specs(found: Sequence[Any]) -> list[TensorSpec]:
    return [TensorSpec(each.name, tuple(each.shape), each.type) for each in found]
