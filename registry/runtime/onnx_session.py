"""An ONNX Runtime session built from checked bytes: one image tensor in, arrays out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from registry.errors import InvalidModel
from registry.runtime.graph_check import check_graph

CPU = "CPUExecutionProvider"
_FLOAT_TYPES: dict[str, type[np.float32 | np.float16]] = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
_ORT_ERRORS = (
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


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, shape and element type of a graph's input or output; a free size is a name or None."""

    name: str
    shape: tuple[int | str | None, ...]
    kind: str

    def __str__(self) -> str:
        sizes = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.name} {self.kind.removeprefix('tensor(').removesuffix(')')} ({sizes})"

    def fixed(self, axis: int) -> int | None:
        """The size of `axis` if the graph fixes it."""
        size = self.shape[axis]
        return size if isinstance(size, int) and size > 0 else None


def usable_providers(wanted: Sequence[str]) -> list[str]:
    """The wanted execution providers that this build has, in order, and the CPU last."""
    built_in = set(ort.get_available_providers())
    return [name for name in wanted if name in built_in and name != CPU] + [CPU]


def raw_session(model_bytes: bytes, threads: int, providers: Sequence[str] = (CPU,)) -> ort.InferenceSession:
    """A session from bytes that passed `check_graph`, with `threads` threads for one run.

    Bytes, not a path: ONNX Runtime then knows no folder to read further files from.

    Raises:
        InvalidModel: the graph is refused, or ONNX Runtime cannot build it.
    """
    check_graph(model_bytes)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        return ort.InferenceSession(model_bytes, options, providers=usable_providers(providers))
    except _ORT_ERRORS as error:
        raise InvalidModel(f"ONNX Runtime cannot build the graph: {_reason(error)}") from error


class OnnxSession:
    """One graph, ready to run. Safe to call from several threads at once; holds no state between runs."""

    def __init__(self, model_bytes: bytes, threads: int, providers: Sequence[str] = (CPU,)) -> None:
        self._session = raw_session(model_bytes, threads, providers)
        self.inputs = tuple(TensorSpec(each.name, tuple(each.shape), each.type) for each in self._session.get_inputs())
        self.outputs = tuple(
            TensorSpec(each.name, tuple(each.shape), each.type) for each in self._session.get_outputs()
        )
        self.providers: tuple[str, ...] = tuple(self._session.get_providers())
        if len(self.inputs) != 1 or self.inputs[0].kind not in _FLOAT_TYPES or len(self.inputs[0].shape) != 4:
            found = "; ".join(str(each) for each in self.inputs) or "none"
            raise InvalidModel(f"expected one float input (1, channels, height, width), found {found}")
        self._input_dtype = _FLOAT_TYPES[self.inputs[0].kind]

    @property
    def input(self) -> TensorSpec:
        """The image input."""
        return self.inputs[0]

    def run(self, tensor: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The first output for a (1, channels, height, width) float32 tensor, as float32.

        Raises:
            InvalidModel: the graph failed on this tensor, with ONNX Runtime's reason.
        """
        try:
            (answer, *_) = self._session.run(None, {self.input.name: tensor.astype(self._input_dtype, copy=False)})
        except _ORT_ERRORS as error:
            raise InvalidModel(f"the graph failed on an input of {tensor.shape}: {_reason(error)}") from error
        return np.asarray(answer, np.float32)


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
