"""Tiny ONNX models whose answers can be worked out by hand.

Made with `onnx.helper` alone, a few hundred bytes each, so that tests and documentation run real graphs through
the real runtime without weights or torch. Every maker returns ONNX bytes; the cards that go with them are beside.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from registry.runtime.card import Decoder, InputSpec, ModelCard, Task

CELL = 8  # px; the blob detectors look at cells of this side
COLOURS = ("red", "green", "blue")
BLOB_CARD = ModelCard(
    task=Task.DETECT,
    decoder=Decoder.YOLO,
    labels=COLOURS,
    input=InputSpec(height=64, width=64, stride=CELL, pad_value=0),
)
BLOB_NMS_CARD = BLOB_CARD.model_copy(update={"decoder": Decoder.YOLO_NMS})
BLOB_DYNAMIC_CARD = BLOB_CARD.model_copy(
    update={"input": InputSpec(height=64, width=64, stride=CELL, pad_value=0, dynamic=True)}
)
BLOB_SEGMENT_CARD = BLOB_CARD.model_copy(update={"task": Task.SEGMENT})
BLOB_POSE_CARD = BLOB_CARD.model_copy(update={"task": Task.POSE, "keypoint_shape": (2, 3)})
COLOUR_CARD = ModelCard(
    task=Task.CLASSIFY,
    decoder=Decoder.PROBABILITIES,
    labels=COLOURS,
    input=InputSpec(height=32, width=32, resize="center-crop"),
)
COLOUR_EMBED_CARD = ModelCard(
    task=Task.EMBED,
    decoder=Decoder.EMBEDDING,
    input=InputSpec(height=32, width=32, resize="stretch"),
)
COLOUR_LOGITS_CARD = COLOUR_CARD.model_copy(update={"decoder": Decoder.LOGITS})


def blob_detector(size: int = 64, metadata: Mapping[str, str] | None = None) -> bytes:
    """A detector in yolo layout (1, 7, cells): one box per 8x8 cell, its three scores the cell's mean R, G and B.

    A cell painted pure red on black gives exactly one detection: that cell, class 0, score 1. `size` fixes the
    input's side; 0 leaves it dynamic.
    """
    nodes = [*_cell_nodes(), helper.make_node("Concat", ["boxes", "scores"], ["output0"], axis=1)]
    return _model(nodes, _image(size), [_output("output0", (1, 7, _cells(size)))], metadata=metadata)


def blob_detector_with_nms(size: int = 64, rows: int = 10, metadata: Mapping[str, str] | None = None) -> bytes:
    """The blob detector with its selection in the graph: (1, rows, 6) of x1, y1, x2, y2, score, class, best first."""
    nodes = [
        *_cell_nodes(),
        helper.make_node("ReduceMax", ["scores", "axis_1"], ["best"], keepdims=1),
        helper.make_node("ArgMax", ["scores"], ["class_id"], axis=1, keepdims=1),
        helper.make_node("Cast", ["class_id"], ["class"], to=TensorProto.FLOAT),
        helper.make_node("Split", ["boxes"], ["centre", "sides"], axis=1, num_outputs=2),
        helper.make_node("Mul", ["sides", "half"], ["reach"]),
        helper.make_node("Sub", ["centre", "reach"], ["low"]),
        helper.make_node("Add", ["centre", "reach"], ["high"]),
        helper.make_node("Concat", ["low", "high", "best", "class"], ["columns"], axis=1),
        helper.make_node("TopK", ["best", "rows"], ["top", "index"], axis=2),
        helper.make_node("Squeeze", ["index", "axis_01"], ["flat"]),
        helper.make_node("Gather", ["columns", "flat"], ["chosen"], axis=2),
        helper.make_node("Transpose", ["chosen"], ["output0"], perm=[0, 2, 1]),
    ]
    extra = [
        helper.make_tensor("axis_1", TensorProto.INT64, [1], [1]),
        helper.make_tensor("axis_01", TensorProto.INT64, [2], [0, 1]),
        helper.make_tensor("rows", TensorProto.INT64, [1], [rows]),
    ]
    return _model(nodes, _image(size), [_output("output0", (1, rows, 6))], extra, metadata)


def blob_segmenter(size: int = 64, metadata: Mapping[str, str] | None = None) -> bytes:
    """The blob detector with one mask coefficient, 1, and one prototype: half-sized cells, 0.9 if lit, else -0.1."""
    make = helper.make_node
    nodes = [
        *_cell_nodes(),
        make("Mul", ["steps", "eighth"], ["ones"]),
        make("Reshape", ["ones", "rows_of_1"], ["coefficients"]),
        make("Concat", ["boxes", "scores", "coefficients"], ["output0"], axis=1),
        make("AveragePool", ["images"], ["halves"], kernel_shape=[CELL // 2] * 2, strides=[CELL // 2] * 2),
        make("ReduceMax", ["halves", "axis_1"], ["brightest"], keepdims=1),
        make("Ceil", ["brightest"], ["lit"]),
        make("Sub", ["lit", "tenth"], ["output1"]),
    ]
    extra = [
        helper.make_tensor("axis_1", TensorProto.INT64, [1], [1]),
        helper.make_tensor("rows_of_1", TensorProto.INT64, [3], [1, 1, -1]),
        helper.make_tensor("eighth", TensorProto.FLOAT, [], [1 / CELL]),
        helper.make_tensor("tenth", TensorProto.FLOAT, [], [0.1]),
    ]
    sides: tuple[int | str, int | str] = (size * 2 // CELL, size * 2 // CELL) if size else ("mask_h", "mask_w")
    outputs = [_output("output0", (1, 8, _cells(size))), _output("output1", (1, 1, *sides))]
    return _model(nodes, _image(size), outputs, extra, metadata)


def blob_poser(size: int = 64, metadata: Mapping[str, str] | None = None) -> bytes:
    """The blob detector with two key points, its upper left and lower right corner, visible as 1."""
    make = helper.make_node
    nodes = [
        *_cell_nodes(),
        make("Mul", ["steps", "eighth"], ["ones"]),
        make("Sub", ["x", "middle"], ["left"]),
        make("Sub", ["y", "middle"], ["top"]),
        make("Concat", ["left", "top", "ones", "right", "bottom", "ones"], ["corners"], axis=1),
        make("Reshape", ["corners", "rows_of_6"], ["points"]),
        make("Concat", ["boxes", "scores", "points"], ["output0"], axis=1),
    ]
    extra = [
        helper.make_tensor("rows_of_6", TensorProto.INT64, [3], [1, 6, -1]),
        helper.make_tensor("eighth", TensorProto.FLOAT, [], [1 / CELL]),
    ]
    return _model(nodes, _image(size), [_output("output0", (1, 13, _cells(size)))], extra, metadata)


def colour_embedder(size: int = 32) -> bytes:
    """An embedder (1, 3): the mean R, G and B, so that pictures of one colour point one way, dark or light."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["pooled"]),
        helper.make_node("Squeeze", ["pooled", "axis_23"], ["means"]),
    ]
    extra = [helper.make_tensor("axis_23", TensorProto.INT64, [2], [2, 3])]
    return _model(nodes, _image(size), [_output("means", (1, 3))], extra)


def colour_classifier(size: int = 32, *, softmax: bool = True, metadata: Mapping[str, str] | None = None) -> bytes:
    """A classifier (1, 3): ten times the mean R, G and B, as probabilities or, without `softmax`, as logits."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["pooled"]),
        helper.make_node("Squeeze", ["pooled", "axis_23"], ["means"]),
        helper.make_node("Mul", ["means", "ten"], ["logits"]),
    ]
    if softmax:
        nodes.append(helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1))
    extra = [
        helper.make_tensor("axis_23", TensorProto.INT64, [2], [2, 3]),
        helper.make_tensor("ten", TensorProto.FLOAT, [], [10.0]),
    ]
    output = _output("probabilities" if softmax else "logits", (1, 3))
    return _model(nodes, _image(size), [output], extra, metadata)


def model_with_outputs(shape: Sequence[int], count: int = 1, metadata: Mapping[str, str] | None = None) -> bytes:
    """A graph that answers `count` outputs of zeros of any `shape`, for what no decoder reads."""
    names = [f"output{index}" for index in range(count)]
    nodes = [
        helper.make_node("ReduceMax", ["images"], ["peak"], keepdims=0),
        helper.make_node("Mul", ["peak", "zero"], ["nothing"]),
        *(helper.make_node("Expand", ["nothing", "shape"], [name]) for name in names),
    ]
    extra = [
        helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0]),
        helper.make_tensor("shape", TensorProto.INT64, [len(shape)], list(shape)),
    ]
    graph = helper.make_graph(nodes, "zeros", [_image(64)], [_output(name, shape) for name in names], extra)
    return _bytes(graph, metadata)


def constant_answer(answer: npt.NDArray[np.float32], metadata: Mapping[str, str], side: int = 64) -> bytes:
    """A graph that answers these numbers, whatever the picture of `side` x `side` shows."""
    nodes = [
        helper.make_node("ReduceMax", ["images"], ["peak"], keepdims=0),
        helper.make_node("Mul", ["peak", "zero"], ["nothing"]),
        helper.make_node("Add", ["answer", "nothing"], ["output0"]),
    ]
    extra = [
        helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0]),
        numpy_helper.from_array(answer, "answer"),
    ]
    graph = helper.make_graph(nodes, "constant", [_image(side)], [_output("output0", answer.shape)], extra)
    return _bytes(graph, metadata)


def runtime_sized(count: int) -> bytes:
    """A classifier (1, 3) that makes a tensor of `count` floats whose size only shows while it runs."""
    make = helper.make_node
    nodes = [
        make("ReduceMax", ["images"], ["peak"], keepdims=0),
        make("Mul", ["peak", "nought"], ["nothing"]),
        make("Add", ["nothing", "count"], ["size"]),
        make("Reshape", ["size", "one_1"], ["sizes"]),
        make("Cast", ["sizes"], ["shape"], to=TensorProto.INT64),
        make("ConstantOfShape", ["shape"], ["much"]),
        make("ReduceMax", ["much"], ["most"], keepdims=0),
        make("GlobalAveragePool", ["images"], ["pooled"]),
        make("Squeeze", ["pooled", "axis_23"], ["means"]),
        make("Add", ["means", "most"], ["logits"]),
    ]
    extra = [
        helper.make_tensor("count", TensorProto.FLOAT, [], [float(count)]),
        helper.make_tensor("axis_23", TensorProto.INT64, [2], [2, 3]),
    ]
    return _model(nodes, _image(32), [_output("logits", (1, 3))], extra)


def _cell_nodes() -> list[onnx.NodeProto]:
    """`boxes` (1, 4, cells) of centre-x, centre-y, width, height in pixels, and `scores` (1, 3, cells)."""
    make = helper.make_node
    return [
        make("AveragePool", ["images"], ["pooled"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
        make("Reshape", ["pooled", "rows_of_3"], ["scores"]),
        make("Slice", ["pooled", "zero_1", "one_1", "one_1"], ["plane"]),
        make("Mul", ["plane", "nought"], ["blank"]),
        make("Add", ["blank", "cell"], ["steps"]),
        make("CumSum", ["steps", "axis_x"], ["right"]),
        make("CumSum", ["steps", "axis_y"], ["bottom"]),
        make("Mul", ["steps", "half"], ["middle"]),
        make("Sub", ["right", "middle"], ["x"]),
        make("Sub", ["bottom", "middle"], ["y"]),
        make("Concat", ["x", "y", "steps", "steps"], ["grid"], axis=1),
        make("Reshape", ["grid", "rows_of_4"], ["boxes"]),
    ]


def _cell_constants() -> list[onnx.TensorProto]:
    integers = {"rows_of_3": [1, 3, -1], "rows_of_4": [1, 4, -1], "zero_1": [0], "one_1": [1]}
    axes = {"axis_x": 3, "axis_y": 2}
    floats = {"nought": 0.0, "cell": float(CELL), "half": 0.5}
    return [
        *(helper.make_tensor(name, TensorProto.INT64, [len(values)], values) for name, values in integers.items()),
        *(helper.make_tensor(name, TensorProto.INT64, [], [value]) for name, value in axes.items()),
        *(helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in floats.items()),
    ]


def _cells(size: int) -> int | str:
    return (size // CELL) ** 2 if size else "anchors"


def _image(size: int) -> onnx.ValueInfoProto:
    sides: tuple[int | str, int | str] = (size, size) if size else ("height", "width")
    return helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, *sides])


def _output(name: str, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def _model(
    nodes: list[onnx.NodeProto],
    image: onnx.ValueInfoProto,
    outputs: list[onnx.ValueInfoProto],
    extra: Sequence[onnx.TensorProto] = (),
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    used = {name for node in nodes for name in node.input}
    constants = [tensor for tensor in (*_cell_constants(), *extra) if tensor.name in used]
    return _bytes(helper.make_graph(nodes, "tiny", [image], outputs, constants), metadata)


def _bytes(graph: onnx.GraphProto, metadata: Mapping[str, str] | None) -> bytes:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, dict(metadata or {}))
    return bytes(model.SerializeToString())
