"""The YOLO11n-shaped network with one more anchor that finds a white square: its costs, and something to track.

The network's own weights are random; its scores are lowered until nothing of them counts, so that what it finds in a
generated clip is what a trained one would: the object that moves, in a whole frame and in a part of one.
"""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

_WHITE, _STEEP, _LEAST_PIXELS = 0.8, 60.0, 150.0


def make_square_network(network: Path, path: Path) -> Path:
    """Write the network with the square's anchor to `path`; returns `path`."""
    model = onnx.load(network)
    graph = model.graph
    image, answer = graph.input[0].name, graph.output[0].name
    rows = graph.output[0].type.tensor_type.shape.dim[1].dim_value
    for node in graph.node:
        node.output[:] = ["network_answer" if name == answer else name for name in node.output]
    graph.node.extend(_nodes(image, answer))
    lower = [1.0] * 4 + [1e-3] * (rows - 4)
    graph.initializer.extend(
        [
            helper.make_tensor("sq_lower", TensorProto.FLOAT, [1, rows, 1], lower),
            helper.make_tensor("sq_channels", TensorProto.INT64, [1], [1]),
            helper.make_tensor("sq_all", TensorProto.INT64, [3], [1, 2, 3]),
            helper.make_tensor("sq_x", TensorProto.INT64, [], [3]),
            helper.make_tensor("sq_y", TensorProto.INT64, [], [2]),
            helper.make_tensor("sq_white", TensorProto.FLOAT, [], [_WHITE]),
            helper.make_tensor("sq_steep", TensorProto.FLOAT, [], [_STEEP]),
            helper.make_tensor("sq_none", TensorProto.FLOAT, [], [0.0]),
            helper.make_tensor("sq_one", TensorProto.FLOAT, [], [1.0]),
            helper.make_tensor("sq_tenth", TensorProto.FLOAT, [], [0.1]),
            helper.make_tensor("sq_sure", TensorProto.FLOAT, [], [0.9]),
            helper.make_tensor("sq_least", TensorProto.FLOAT, [], [_LEAST_PIXELS]),
            helper.make_tensor("sq_last", TensorProto.INT64, [1], [3]),
            helper.make_tensor("sq_pad", TensorProto.INT64, [6], [0, 0, 0, 0, rows - 5, 0]),
        ]
    )
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def _nodes(image: str, answer: str) -> list[onnx.NodeProto]:
    """White pixels, their number and their middle, as one column (x, y, side, side, score, 0, …) of the answer."""
    make = helper.make_node
    return [
        make("ReduceMin", [image, "sq_channels"], ["sq_dark"], keepdims=1),
        make("Sub", ["sq_dark", "sq_white"], ["sq_over"]),
        make("Mul", ["sq_over", "sq_steep"], ["sq_logit"]),
        make("Sigmoid", ["sq_logit"], ["sq_soft"]),
        make("Round", ["sq_soft"], ["sq_mask"]),
        make("ReduceSum", ["sq_mask", "sq_all"], ["sq_pixels"], keepdims=1),
        make("Add", ["sq_pixels", "sq_one"], ["sq_some"]),
        make("Mul", ["sq_mask", "sq_none"], ["sq_zeros"]),
        make("Add", ["sq_zeros", "sq_one"], ["sq_ones"]),
        make("CumSum", ["sq_ones", "sq_x"], ["sq_columns"]),
        make("CumSum", ["sq_ones", "sq_y"], ["sq_lines"]),
        make("Mul", ["sq_mask", "sq_columns"], ["sq_by_column"]),
        make("Mul", ["sq_mask", "sq_lines"], ["sq_by_line"]),
        make("ReduceSum", ["sq_by_column", "sq_all"], ["sq_sum_x"], keepdims=1),
        make("ReduceSum", ["sq_by_line", "sq_all"], ["sq_sum_y"], keepdims=1),
        make("Div", ["sq_sum_x", "sq_some"], ["sq_cx"]),
        make("Div", ["sq_sum_y", "sq_some"], ["sq_cy"]),
        make("Sqrt", ["sq_pixels"], ["sq_side"]),
        make("Sub", ["sq_pixels", "sq_least"], ["sq_enough"]),
        make("Mul", ["sq_enough", "sq_tenth"], ["sq_sureness"]),
        make("Sigmoid", ["sq_sureness"], ["sq_certain"]),
        make("Mul", ["sq_certain", "sq_sure"], ["sq_score"]),
        make("Concat", ["sq_cx", "sq_cy", "sq_side", "sq_side", "sq_score"], ["sq_found"], axis=1),
        make("Squeeze", ["sq_found", "sq_last"], ["sq_column"]),
        make("Pad", ["sq_column", "sq_pad"], ["sq_anchor"]),
        make("Mul", ["network_answer", "sq_lower"], ["sq_quiet"]),
        make("Concat", ["sq_quiet", "sq_anchor"], [answer], axis=2),
    ]
