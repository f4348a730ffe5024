"""A graph in 8-bit integers: ONNX Runtime's static quantisation, or NNCF's for OpenVINO."""

import contextlib
import io
import logging
import tempfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import onnx

from registry.errors import InvalidModel
from registry.runtime.graph_session import reason_of
from registry.vision.tensor import Tensor

_HEAD_MOST = 0.4  # of the convolutions: what is more than that is no head


def quantise(model_bytes: bytes, tensors: Sequence[Tensor], leave_out: str = "") -> bytes:
    """The graph with 7-bit weights for each channel and 8-bit activations, as QuantizeLinear/DequantizeLinear pairs.

    Seven bits, because processors without VNNI add two products of 8 bits in
    16 and saturate; a version made on one host is as exact on any other.
    `tensors` are inputs to calibrate with; the nodes of the module
    `leave_out` (see `head_of`) stay in floating point. Raises InvalidModel
    when ONNX Runtime cannot quantise the graph.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory(prefix="nexusai-int8-") as folder, quiet():
        given, prepared, made = (Path(folder, name) for name in ("given.onnx", "prepared.onnx", "made.onnx"))
        given.write_bytes(model_bytes)
        try:
            quant_pre_process(str(given), str(prepared), skip_symbolic_shape=True)
            quantize_static(
                str(prepared),
                str(made),
                _reader(_input_of(model_bytes), tensors),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
                nodes_to_exclude=_nodes_of(prepared.read_bytes(), leave_out),
            )
        except Exception as error:  # it raises what its many parts raise
            raise InvalidModel(f"ONNX Runtime cannot quantise the graph: {reason_of(error)}") from error
        return made.read_bytes()


def nncf_installed() -> bool:
    """Whether the quantiser that belongs to OpenVINO is there."""
    return find_spec("nncf") is not None and find_spec("openvino") is not None


def quantise_for_openvino(model_bytes: bytes, tensors: Sequence[Tensor], leave_out: str = "") -> bytes:
    """The same by NNCF, which places the pairs where OpenVINO gains from them. Raises InvalidModel."""
    with quiet():
        import nncf

        name = _input_of(model_bytes)
        try:
            made = nncf.quantize(
                onnx.load_model_from_string(model_bytes),
                nncf.Dataset(list(tensors), lambda tensor: {name: tensor}),
                preset=nncf.QuantizationPreset.MIXED,
                subset_size=len(tensors),
                ignored_scope=nncf.IgnoredScope(names=_nodes_of(model_bytes, leave_out), validate=False),
            )
        except Exception as error:  # likewise
            raise InvalidModel(f"NNCF cannot quantise the graph: {reason_of(error)}") from error
        return bytes(made.SerializeToString())


def head_of(model_bytes: bytes) -> str:
    """The module that turns features into answers: the last one, as exporters of torch name it.

    Empty where names do not tell, or where that module is most of the network.
    """
    nodes = onnx.load_model_from_string(model_bytes).graph.node
    last = _module(nodes[-1].name) if nodes else ""
    convolutions = [node.name for node in nodes if node.op_type in ("Conv", "Gemm", "MatMul")]
    inside = sum(_module(name) == last for name in convolutions)
    return last if inside <= _HEAD_MOST * len(convolutions) else ""


def _nodes_of(model_bytes: bytes, module: str) -> list[str]:
    nodes = onnx.load_model_from_string(model_bytes).graph.node
    return [node.name for node in nodes if module and _module(node.name) == module]


def _module(name: str) -> str:
    parts = name.split("/")
    return parts[1] if len(parts) > 2 and not parts[0] else ""


def _reader(name: str, tensors: Sequence[Tensor]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left: Iterator[Tensor] = iter(tensors)

        def get_next(self) -> dict[str, Tensor] | None:
            tensor = next(self._left, None)
            return None if tensor is None else {name: tensor}

    return Reader()


def _input_of(model_bytes: bytes) -> str:
    return str(onnx.load_model_from_string(model_bytes).graph.input[0].name)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence for libraries that print and log every step to standard output."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
