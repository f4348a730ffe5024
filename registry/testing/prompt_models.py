"""A tiny pair in the layout of Segment Anything: it marks what has the colour under the first point."""

from collections.abc import Sequence

import onnx
from onnx import TensorProto, helper

from registry.runtime.card import Decoder, InputSpec, ModelCard, Task

SIDE, CELL = 64, 4
PROMPT_CARD = ModelCard(
    task=Task.PROMPT,
    decoder=Decoder.SAM,
    input=InputSpec(height=SIDE, width=SIDE),
)


def colour_encoder(channels_last: bool = False) -> bytes:
    """(1, 3, 64, 64) to `image_embeddings` (1, 3, 16, 16): the mean colour of each 4x4 cell.

    With `channels_last` it takes (64, 64, 3) of 0..255, which it scales and turns around itself.
    """
    nodes = [
        helper.make_node(
            "AveragePool", ["planes"], ["image_embeddings"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]
        )
    ]
    first = [helper.make_node("Identity", ["images"], ["planes"])]
    shape: tuple[int, ...] = (1, 3, SIDE, SIDE)
    constants: list[onnx.TensorProto] = []
    if channels_last:
        shape = (SIDE, SIDE, 3)
        first = [
            helper.make_node("Div", ["images", "most"], ["scaled"]),
            helper.make_node("Transpose", ["scaled"], ["turned"], perm=[2, 0, 1]),
            helper.make_node("Unsqueeze", ["turned", "axis_0"], ["planes"]),
        ]
        constants = [
            helper.make_tensor("most", TensorProto.FLOAT, [], [255.0]),
            helper.make_tensor("axis_0", TensorProto.INT64, [1], [0]),
        ]
    return _bytes(
        first + nodes,
        [_float("images", shape)],
        [_float("image_embeddings", (1, 3, 16, 16))],
        constants,
    )


def colour_decoder() -> bytes:
    """Segment Anything's six inputs to `masks`, `iou_predictions` and `low_res_masks`.

    A cell's logit is 0.5 less the largest difference of its colour to that of the first point's cell, bilinear
    between cells; the predicted quality is a quarter of the first point's label and a quarter more.
    """
    make = helper.make_node
    nodes = [
        make("Slice", ["point_coords", "none", "one", "axis_1"], ["first"]),
        make("Div", ["first", "cell"], ["place"]),
        make("Cast", ["place"], ["cell_xy"], to=TensorProto.INT64),
        make("Reshape", ["cell_xy", "two"], ["xy"]),
        make("Gather", ["xy", "swap"], ["yx"]),
        make("Squeeze", ["image_embeddings", "none"], ["planes"]),
        make("Transpose", ["planes"], ["cells"], perm=[1, 2, 0]),
        make("GatherND", ["cells", "yx"], ["colour"]),
        make("Reshape", ["colour", "column"], ["wanted"]),
        make("Sub", ["image_embeddings", "wanted"], ["difference"]),
        make("Abs", ["difference"], ["distance"]),
        make("ReduceMax", ["distance", "axis_1"], ["farthest"], keepdims=1),
        make("Sub", ["half", "farthest"], ["low_res_masks"]),
        make("Resize", ["low_res_masks", "", "", "whole"], ["padded"], mode="linear"),
        make("Cast", ["orig_im_size"], ["size_hw"], to=TensorProto.INT64),
        make("Slice", ["padded", "corner", "size_hw", "axes_23"], ["masks"]),
        make("Slice", ["point_labels", "none", "one", "axis_1"], ["label"]),
        make("Mul", ["label", "quarter"], ["share"]),
        make("Add", ["share", "quarter"], ["iou_predictions"]),
    ]
    integers = {"none": [0], "one": [1], "axis_1": [1], "two": [2], "swap": [1, 0], "column": [1, 3, 1, 1]}
    integers |= {"whole": [1, 1, SIDE, SIDE], "corner": [0, 0], "axes_23": [2, 3]}
    numbers = {"cell": float(CELL), "half": 0.5, "quarter": 0.25}
    inputs = {"image_embeddings": (1, 3, 16, 16), "point_coords": (1, "points", 2), "point_labels": (1, "points")}
    inputs |= {"mask_input": (1, 1, 64, 64), "has_mask_input": (1,), "orig_im_size": (2,)}
    outputs = {"masks": (1, 1, "height", "width"), "iou_predictions": (1, 1), "low_res_masks": (1, 1, 16, 16)}
    return _bytes(
        nodes,
        [_float(name, shape) for name, shape in inputs.items()],
        [_float(name, shape) for name, shape in outputs.items()],
        [
            *(helper.make_tensor(name, TensorProto.INT64, [len(value)], value) for name, value in integers.items()),
            *(helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in numbers.items()),
        ],
    )


def _float(name: str, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def _bytes(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    constants: list[onnx.TensorProto],
) -> bytes:
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())
