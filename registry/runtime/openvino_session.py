"""A session of OpenVINO over the same checked ONNX bytes: one image tensor in, arrays out."""

from collections import deque
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import onnx

from registry.errors import BackendUnavailable, InvalidModel, ModelTooSlow
from registry.runtime.graph_check import check_graph
from registry.runtime.graph_session import GraphSession, TensorSpec, reason_of
from registry.runtime.run_deadline import RUN_SECONDS, too_slow
from registry.vision.tensor import Tensor

PROVIDER = "OpenVINO"
HOW_TO_GET = 'pip install "nexusai[openvino]"'
_DEVICE = "CPU"
_LOOPS = frozenset({"Loop", "Scan"})
_KINDS = {"f32": "tensor(float)", "f16": "tensor(float16)"}


class OpenVinoSession(GraphSession):
    """A graph on the processor with `streams` runs side by side, each of `threads` threads.

    `precision` is `f32` or, where the processor has it, `bf16`: OpenVINO alone would round to bfloat16 by itself.

    Raises:
        InvalidModel: the graph is refused, or OpenVINO cannot build it.
        BackendUnavailable: OpenVINO is not installed, the processor has no such precision, or the graph has a loop.
    """

    def __init__(
        self,
        model_bytes: bytes,
        threads: int,
        streams: int = 1,
        precision: str = "f32",
        run_seconds: float = RUN_SECONDS,
    ) -> None:
        _refuse_loops(check_graph(model_bytes))
        core = _core()
        if precision != "f32" and precision not in precisions():
            raise BackendUnavailable(f"this processor has no {precision} instructions: openvino runs in f32 here")
        options = {
            "INFERENCE_NUM_THREADS": threads * streams,
            "NUM_STREAMS": streams,
            "INFERENCE_PRECISION_HINT": precision,
            "ENABLE_CPU_PINNING": False,  # the cores are not OpenVINO's alone
        }
        try:
            self._compiled = core.compile_model(core.read_model(model_bytes), _DEVICE, options)
        except RuntimeError as error:
            raise InvalidModel(f"OpenVINO cannot build the graph: {_last_line(error)}") from error
        self._describe(_specs(self._compiled.inputs), _specs(self._compiled.outputs), (PROVIDER,))
        self._run_seconds = run_seconds
        self._idle: deque[Any] = deque()  # as many requests as there were runs at once

    def run(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """See `GraphSession.run`. While a run goes on that took too long, every other is refused: it would wait."""
        if _goes_on(self._compiled):
            raise ModelTooSlow(f"the model is still busy with an image that took longer than {self._run_seconds:g} s")
        request = self._idle.pop() if self._idle else self._compiled.create_infer_request()
        given = [np.ascontiguousarray(tensor, self.input_dtype)]
        seconds = self._run_seconds * max(len(tensor), 1)
        try:
            request.start_async(given, share_inputs=True)
            in_time = request.wait_for(int(seconds * 1e3))
        except RuntimeError as error:
            raise InvalidModel(f"the graph failed on an input of {tensor.shape}: {_last_line(error)}") from error
        if not in_time:
            _late.append((self._compiled, request, given))
            raise too_slow(seconds)
        answers = tuple(np.array(request.get_tensor(port).data, np.float32) for port in self._compiled.outputs)
        self._idle.append(request)
        return answers


# Runs that nobody waits for any more. OpenVINO does not stop them, and would wait for one whose request is let go.
_late: list[tuple[Any, Any, Any]] = []


def _goes_on(compiled: Any) -> bool:
    """Whether a late run of this graph is still under way."""
    for late in list(_late):
        if _ended(late[1]):
            _late.remove(late)
    return any(late[0] is compiled for late in _late)


def _ended(request: Any) -> bool:
    try:
        return bool(request.wait_for(0))
    except RuntimeError:
        return True


def _refuse_loops(model: onnx.ModelProto) -> None:
    """A loop's rounds may hang on the image, and OpenVINO cannot be stopped inside one."""
    bodies = [model.graph.node, *(function.node for function in model.functions)]
    if any(node.op_type in _LOOPS for body in bodies for node in _with_inner(body)):
        raise BackendUnavailable(
            "openvino does not run a graph with loops here: it could not be stopped inside one",
            hint="Run this model by onnxruntime-cpu.",
        )


def _with_inner(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                yield from _with_inner(graph.node)


def openvino_version() -> str:
    """OpenVINO's version; empty where it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("openvino")
    except PackageNotFoundError:
        return ""


@cache
def precisions() -> tuple[str, ...]:
    """What OpenVINO can compute in on this processor: `f32`, and `bf16` where the processor has instructions for it."""
    capable = _core().get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES")
    return ("f32", "bf16") if "BF16" in capable else ("f32",)


@cache
def _core() -> Any:
    if find_spec("openvino") is None:
        raise BackendUnavailable("openvino is not installed", hint=HOW_TO_GET)
    import openvino

    return openvino.Core()


def _specs(ports: Any) -> list[TensorSpec]:
    return [TensorSpec(port.any_name, _shape(port), _kind(port)) for port in ports]


def _shape(port: Any) -> tuple[int | None, ...]:
    if port.partial_shape.rank.is_dynamic:
        return ()
    return tuple(size.get_length() if size.is_static else None for size in port.partial_shape)


def _kind(port: Any) -> str:
    name = port.element_type.get_type_name()
    return _KINDS.get(name, f"tensor({name})")


def _last_line(error: Exception) -> str:
    """OpenVINO says where in its sources it failed, and at the end why."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else reason_of(error)
