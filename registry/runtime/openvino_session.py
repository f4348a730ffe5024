"""A session of OpenVINO over the same checked ONNX bytes: one image tensor in, arrays out."""

from collections import deque
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from registry.errors import BackendUnavailable, InvalidModel
from registry.runtime.graph_check import check_graph
from registry.runtime.graph_session import GraphSession, TensorSpec, reason_of
from registry.vision.tensor import Tensor

PROVIDER = "OpenVINO"
HOW_TO_GET = 'pip install "nexusai[openvino]"'
_DEVICE = "CPU"
_KINDS = {"f32": "tensor(float)", "f16": "tensor(float16)"}


class OpenVinoSession(GraphSession):
    """A graph on the processor with `streams` runs side by side, each of `threads` threads.

    `precision` is `f32` or, where the processor has it, `bf16`: OpenVINO alone would round to bfloat16 by itself.

    Raises:
        InvalidModel: the graph is refused, or OpenVINO cannot build it.
        BackendUnavailable: OpenVINO is not installed, or the processor has no such precision.
    """

    def __init__(self, model_bytes: bytes, threads: int, streams: int = 1, precision: str = "f32") -> None:
        check_graph(model_bytes)
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
        self._idle: deque[Any] = deque()  # as many requests as there were runs at once

    def run(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """See `GraphSession.run`."""
        request = self._idle.pop() if self._idle else self._compiled.create_infer_request()
        try:
            found = request.infer([np.ascontiguousarray(tensor, self.input_dtype)], share_inputs=True)
        except RuntimeError as error:
            raise InvalidModel(f"the graph failed on an input of {tensor.shape}: {_last_line(error)}") from error
        answers = tuple(np.array(found[port], np.float32) for port in self._compiled.outputs)
        self._idle.append(request)
        return answers


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
