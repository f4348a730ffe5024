"""What an ONNX file must be before any session is built from it.

A graph is a program: it can read other files through external data, ask for terabytes in a few bytes, loop for
ever, or carry a compiled engine. This check refuses those from the bytes alone. What depends on values computed
while running it cannot see; the trial run in a child process with memory and time limits is there for that.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod

import onnx
from google.protobuf.message import DecodeError, Message
from onnx.shape_inference import InferenceError

from registry.errors import InvalidModel
from registry.runtime.graph_nodes import NodeLimits, check_nodes
from registry.runtime.graph_parts import check_parts

_MIN_OPSET, _MAX_OPSET = 7, onnx.defs.onnx_opset_version()
MAX_FILE_BYTES = 1_500_000_000  # one protobuf message ends at 2 GiB
_SMALL_BYTES = 4_096  # of a tensor that is checked together with what it holds
_ONE_FILE_HINT = "Export the model to ONNX as one file, with its weights inside, and upload that."
_SMALLER_HINT = "Export it with a smaller or fixed input size, or take a smaller model."
_NO_WEIGHTS = (onnx.TensorProto.INT64, onnx.TensorProto.INT32, onnx.TensorProto.STRING)
_ASSUMED_SIDE = 640  # stands in for a free side of the input when intermediate sizes are worked out
_SHAPE_ERRORS = (InferenceError, onnx.checker.ValidationError, RuntimeError, ValueError, TypeError, DecodeError)
_ITEM_BITS: dict[int, int] = {
    onnx.TensorProto.FLOAT: 32,
    onnx.TensorProto.DOUBLE: 64,
    onnx.TensorProto.INT32: 32,
    onnx.TensorProto.UINT32: 32,
    onnx.TensorProto.INT64: 64,
    onnx.TensorProto.UINT64: 64,
    onnx.TensorProto.INT16: 16,
    onnx.TensorProto.UINT16: 16,
    onnx.TensorProto.FLOAT16: 16,
    onnx.TensorProto.BFLOAT16: 16,
    onnx.TensorProto.COMPLEX64: 64,
    onnx.TensorProto.COMPLEX128: 128,
    onnx.TensorProto.INT4: 4,
    onnx.TensorProto.UINT4: 4,
    onnx.TensorProto.FLOAT4E2M1: 4,
}


@dataclass(frozen=True, slots=True)
class GraphLimits:
    """Bounds of an acceptable graph; sizes in bytes. The defaults fit a detector and a large image encoder alike."""

    file_bytes: int = MAX_FILE_BYTES
    tensor_bytes: int = 2 << 30
    total_bytes: int = 64 << 30  # all intermediate tensors of one run, as if none were freed
    nodes: NodeLimits = field(default_factory=NodeLimits)


def check_graph(model_bytes: bytes, limits: GraphLimits | None = None) -> onnx.ModelProto:
    """Parse ONNX bytes and refuse what could reach outside or exhaust the machine; returns the parsed model.

    Raises:
        InvalidModel: what is wrong and where in the graph. Nothing of the model was executed.
    """
    limits = limits or GraphLimits()
    model = parse_model(model_bytes, limits)
    _check_versions(model)
    for tensor in _tensors(model):
        _check_tensor(tensor, limits.tensor_bytes)
    check_nodes(model, limits.nodes)
    light, emptied = _light(model)
    sizes = _with_sizes(light)
    _check_structure(light, emptied)
    _check_sizes(sizes.graph, limits)
    return model


def parse_model(model_bytes: bytes, limits: GraphLimits | None = None) -> onnx.ModelProto:
    """ONNX bytes to a protobuf message with a graph. Raises InvalidModel for anything else.

    Bytes that would take much more memory as a message than they take now are refused before they become one.
    """
    limits = limits or GraphLimits()
    if len(model_bytes) > limits.file_bytes:
        raise InvalidModel(
            f"the model has {len(model_bytes)} bytes; at most {limits.file_bytes} are accepted",
            hint="Take a smaller model.",
        )
    if not model_bytes:
        raise InvalidModel("the model has 0 bytes", hint=InvalidModel.broken_hint)
    if model_bytes[4:8] == b"ORTM":
        raise InvalidModel(
            "the model is in ONNX Runtime's own .ort format, not ONNX", hint="Take the ONNX file it was made from."
        )
    check_parts(model_bytes, limits.nodes.nodes)
    try:
        model = onnx.load_model_from_string(model_bytes)
    except (DecodeError, RecursionError, ValueError) as error:
        raise InvalidModel(
            f"not an ONNX file: {len(model_bytes)} bytes that do not parse", hint=InvalidModel.broken_hint
        ) from error
    if not model.graph.node or not model.graph.output:
        raise InvalidModel(
            "not a complete ONNX file: the graph has no nodes or no outputs", hint=InvalidModel.broken_hint
        )
    return model


def _check_versions(model: onnx.ModelProto) -> None:
    if model.training_info:
        raise InvalidModel("the model carries training graphs", hint="Export it for inference.")
    versions = {entry.domain: entry.version for entry in model.opset_import}
    opset = versions.get("", versions.get("ai.onnx", 0))
    if not opset:
        raise InvalidModel("the model names no opset", hint=InvalidModel.broken_hint)
    if not _MIN_OPSET <= opset <= _MAX_OPSET:
        raise InvalidModel(
            f"the model needs opset {opset}; {_MIN_OPSET} to {_MAX_OPSET} are supported",
            hint="Export it again with opset=17.",
        )


def _tensors(message: Message) -> Iterator[onnx.TensorProto]:
    """Every tensor anywhere in a message: initializers, attributes, subgraphs, functions, sparse parts."""
    stack: list[Message] = [message]
    while stack:
        current = stack.pop()
        if isinstance(current, onnx.TensorProto):
            yield current
            continue
        for descriptor, value in current.ListFields():
            if descriptor.message_type is None:
                continue
            stack.extend(value if not isinstance(value, Message) else (value,))


def _check_tensor(tensor: onnx.TensorProto, max_bytes: int) -> None:
    name = tensor.name[:80] or "an unnamed tensor"
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        raise InvalidModel(f"{name} keeps its data in another file (external data)", hint=_ONE_FILE_HINT)
    if any(size < 0 for size in tensor.dims):
        raise InvalidModel(f"{name} declares a negative size {list(tensor.dims)[:8]}", hint=InvalidModel.broken_hint)
    declared = prod(tensor.dims) * _ITEM_BITS.get(tensor.data_type, 8) // 8
    if declared > max_bytes:
        raise InvalidModel(f"{name} declares {declared} bytes; at most {max_bytes} are accepted", hint=_SMALLER_HINT)
    if tensor.HasField("raw_data"):
        complete = tensor.data_type == onnx.TensorProto.STRING or len(tensor.raw_data) >= declared
    else:  # a varint takes at least one byte for a value of at most eight
        complete = declared <= 8 * tensor.ByteSize()
    if not complete:
        raise InvalidModel(f"{name} declares {declared} bytes but carries fewer", hint=InvalidModel.broken_hint)


def _light(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[onnx.TensorProto]]:
    """A copy whose weights have sizes and no data, and those weights.

    The checks that follow copy a model five times while no other thread of the interpreter runs, and ask no tensor
    what it holds but those that may be sizes.
    """
    weights = {index: each.raw_data for index, each in enumerate(model.graph.initializer) if _is_weight(each)}
    light = onnx.ModelProto()
    for index in weights:
        model.graph.initializer[index].ClearField("raw_data")
    light.CopyFrom(model)
    for index, data in weights.items():
        model.graph.initializer[index].raw_data = data
    return light, [light.graph.initializer[index] for index in weights]


def _is_weight(tensor: onnx.TensorProto) -> bool:
    """Whether it has much data, as bytes and in no other form besides, of a type that no size is given in."""
    size = len(tensor.raw_data)
    return tensor.data_type not in _NO_WEIGHTS and size > _SMALL_BYTES > tensor.ByteSize() - size


def _check_structure(model: onnx.ModelProto, emptied: list[onnx.TensorProto]) -> None:
    """Whether ONNX's own checker takes the model; `emptied` are its tensors whose data was seen to be complete."""
    for tensor in emptied:
        tensor.dims[:] = [0]  # no data is right for no elements
    for value in model.graph.output:  # the checker wants a shape, which ONNX Runtime can do without
        value.type.tensor_type.shape.SetInParent()
    try:
        onnx.checker.check_model(model)
    except _SHAPE_ERRORS as error:
        raise InvalidModel(f"the graph is malformed: {_first_line(error)}", hint=InvalidModel.broken_hint) from error


def _with_sizes(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with every size that follows from the declared input, whose free sides are made 640 pixels."""
    for value in model.graph.input:
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if not dim.dim_value:
                dim.dim_value = 1 if axis == 0 else _ASSUMED_SIDE
    try:
        inferred: onnx.ModelProto = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except _SHAPE_ERRORS as error:
        raise InvalidModel(
            f"the sizes in the graph contradict each other: {_first_line(error)}", hint=InvalidModel.broken_hint
        ) from error
    return inferred


def _check_sizes(graph: onnx.GraphProto, limits: GraphLimits) -> None:
    total = 0
    for value in (*graph.input, *graph.value_info, *graph.output):
        tensor = value.type.tensor_type
        size = prod(max(dim.dim_value, 1) for dim in tensor.shape.dim) * _ITEM_BITS.get(tensor.elem_type, 8) // 8
        if size > limits.tensor_bytes:
            raise InvalidModel(
                f"{value.name[:80]} would take {size} bytes; at most {limits.tensor_bytes} are accepted",
                hint=_SMALLER_HINT,
            )
        total += size
    if total > limits.total_bytes:
        raise InvalidModel(
            f"the graph's tensors add up to {total} bytes; at most {limits.total_bytes} are accepted",
            hint=_SMALLER_HINT,
        )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
