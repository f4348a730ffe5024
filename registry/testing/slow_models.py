"""Tiny ONNX models that take long: always, or on some images only. Their card is `COLOUR_LOGITS_CARD`."""

import onnx
from onnx import TensorProto, helper


def slow_between(low: float, high: float, rounds: int = 10_000, side: int = 700) -> bytes:
    """A classifier (1, 3) that multiplies matrices of `side` for `rounds` on images whose mean lies between two values.

    The mean is that of the tensor, in [0, 1]; every other image is answered at once.
    """
    make, info = helper.make_node, helper.make_tensor_value_info
    matrix = [side, side]
    body = helper.make_graph(
        [
            make("Identity", ["go"], ["still"]),
            make("MatMul", ["state", "state"], ["product"]),
            make("Tanh", ["product"], ["next"]),
        ],
        "body",
        [
            info("i", TensorProto.INT64, []),
            info("go", TensorProto.BOOL, []),
            info("state", TensorProto.FLOAT, matrix),
        ],
        [info("still", TensorProto.BOOL, []), info("next", TensorProto.FLOAT, matrix)],
    )
    numbers = {"sides": ([2], matrix), "rounds": ([], [rounds])}
    slow = helper.make_graph(
        [
            make("Expand", ["mean", "sides"], ["start"]),
            make("Loop", ["rounds", "", "start"], ["end"], body=body),
            make("ReduceMin", ["end"], ["cost"], keepdims=0),
        ],
        "slow",
        [],
        [info("cost", TensorProto.FLOAT, [])],
        [helper.make_tensor(name, TensorProto.INT64, *each) for name, each in numbers.items()],
    )
    fast = helper.make_graph([make("Identity", ["mean"], ["same"])], "fast", [], [info("same", TensorProto.FLOAT, [])])
    nodes = [
        make("ReduceMean", ["images"], ["mean"], keepdims=0),
        make("Greater", ["mean", "low"], ["above"]),
        make("Less", ["mean", "high"], ["below"]),
        make("And", ["above", "below"], ["inside"]),
        make("If", ["inside"], ["extra"], then_branch=slow, else_branch=fast),
        make("GlobalAveragePool", ["images"], ["pooled"]),
        make("Squeeze", ["pooled", "axis_23"], ["means"]),
        make("Add", ["means", "extra"], ["logits"]),
    ]
    bounds = {"low": low, "high": high}
    return _bytes(nodes, [helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in bounds.items()])


def multiplying(rounds: int, side: int) -> bytes:
    """A classifier (1, 3) that multiplies matrices of `side` one after the other for every image, without a loop."""
    make = helper.make_node
    nodes = [
        make("ReduceMean", ["images"], ["mean"], keepdims=0),
        make("Expand", ["mean", "sides"], ["m0"]),
        *(make("MatMul", [f"m{index}", "m0"], [f"m{index + 1}"]) for index in range(rounds)),
        make("ReduceMin", [f"m{rounds}"], ["least"], keepdims=0),
        make("GlobalAveragePool", ["images"], ["pooled"]),
        make("Squeeze", ["pooled", "axis_23"], ["means"]),
        make("Add", ["means", "least"], ["logits"]),
    ]
    return _bytes(nodes, [helper.make_tensor("sides", TensorProto.INT64, [2], [side, side])])


def _bytes(nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto]) -> bytes:
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 32, 32])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 3])
    axes = helper.make_tensor("axis_23", TensorProto.INT64, [2], [2, 3])
    graph = helper.make_graph(nodes, "slow", [image], [logits], [*constants, axes])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return bytes(model.SerializeToString())


def hungry(cells: int) -> bytes:
    """A classifier (1, 3) that fills `cells` numbers of memory, then twice as many beside them, the more the brighter.

    On an image of nothing but zeros it takes none; the mean is that of the tensor, in [0, 1].
    """
    make = helper.make_node
    nodes = [
        make("ReduceMean", ["images"], ["mean"], keepdims=0),
        make("Mul", ["mean", "most"], ["wanted"]),
        make("Cast", ["wanted"], ["count"], to=TensorProto.INT64),
        make("Unsqueeze", ["count", "axis_0"], ["shape"]),
        make("ConstantOfShape", ["shape"], ["filled"]),
        make("Concat", ["filled", "filled"], ["twice"], axis=0),
        make("ReduceSum", ["twice"], ["extra"], keepdims=0),
        make("GlobalAveragePool", ["images"], ["pooled"]),
        make("Squeeze", ["pooled", "axis_23"], ["means"]),
        make("Add", ["means", "extra"], ["logits"]),
    ]
    given = [
        helper.make_tensor("most", TensorProto.FLOAT, [], [float(cells)]),
        helper.make_tensor("axis_0", TensorProto.INT64, [1], [0]),
    ]
    return _bytes(nodes, given)
