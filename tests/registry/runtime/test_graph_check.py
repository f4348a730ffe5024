"""Hostile and broken ONNX files, each refused before a session sees it."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from registry.errors import InvalidModel
from registry.runtime.graph_check import GraphLimits, check_graph
from registry.runtime.graph_nodes import NodeLimits
from registry.testing import onnx_models

IMAGE = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 8, 8])
OUT = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)  # the shape is left to the graph
TENSOR_OUT = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["a"])


def build(nodes, weights=(), functions=(), opset: int = 18, extra_domains=(), output=OUT) -> onnx.ModelProto:
    graph = helper.make_graph(list(nodes), "g", [IMAGE], [output], list(weights))
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(name, 1) for name in extra_domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10, functions=list(functions))


def node(kind: str, inputs=("images",), outputs=("out",), domain: str = "", **attributes) -> onnx.NodeProto:
    return helper.make_node(kind, list(inputs), list(outputs), name=f"n_{kind}", domain=domain, **attributes)


def external(name: str = "w") -> onnx.TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


def external_initializer():
    return build([node("Add", ("images", "w"))], [external()])


def external_constant():
    return build([node("Constant", (), ("c",), value=external()), node("Add", ("images", "c"))])


def external_in_a_branch():
    inner = helper.make_graph([node("Constant", (), ("x",), value=external())], "b", [], [TENSOR_OUT])
    return build([node("If", ("flag",), ("out",), then_branch=inner, else_branch=inner)])


def external_in_a_function():
    body = [node("Constant", (), ("y",), value=external())]
    function = helper.make_function("own", "Secret", ["x"], ["y"], body, [helper.make_opsetid("", 18)])
    return build([node("Secret", domain="own")], functions=[function], extra_domains=["own"])


def external_sparse():
    model = build([node("Identity")])
    model.graph.sparse_initializer.add().values.CopyFrom(external())
    return model


def external_in_a_list_of_tensors():
    model = build([node("Identity")])
    model.graph.node[0].attribute.add(name="extra", type=onnx.AttributeProto.TENSORS).tensors.add().CopyFrom(external())
    return model


def external_by_entries_alone():
    tensor = external()
    tensor.data_location = TensorProto.DEFAULT
    return build([node("Add", ("images", "w"))], [tensor])


def terabytes_by_shape():
    shape = helper.make_tensor("shape", TensorProto.INT64, [1], [1 << 40])
    return build([node("ConstantOfShape", ("shape",))], [shape])


def terabytes_by_expand():
    shape = helper.make_tensor("shape", TensorProto.INT64, [3], [1 << 14] * 3)
    one = helper.make_tensor("one", TensorProto.FLOAT, [], [1.0])
    return build([node("Expand", ("one", "shape"))], [shape, one])


def terabytes_by_tile():
    repeats = helper.make_tensor("repeats", TensorProto.INT64, [4], [1, 1, 1 << 16, 1 << 16])
    return build([node("Tile", ("images", "repeats"))], [repeats])


def terabytes_by_weight():
    return build([node("Add", ("images", "w"))], [TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1 << 40])])


def a_weight_without_its_data():
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1000], raw_data=b"1234")
    return build([node("Add", ("images", "w"))], [tensor])


def a_weight_in_two_forms():
    tensor = numpy_helper.from_array(np.zeros((3, 100, 100), np.float32), "w")
    tensor.float_data.extend([0.0] * 4)
    return build([node("Add", ("images", "w"))], [tensor])


def a_size_among_many():
    """Terabytes by a size that is cut out of a long list of numbers."""
    numbers = numpy_helper.from_array(np.full(1_000, 1 << 14, np.int64), "numbers")
    bounds = [numpy_helper.from_array(np.array([value], np.int64), name) for name, value in (("from", 0), ("to", 3))]
    one = helper.make_tensor("one", TensorProto.FLOAT, [], [1.0])
    cut = node("Slice", ("numbers", "from", "to"), ("shape",))
    return build([cut, node("Expand", ("one", "shape"))], [numbers, *bounds, one])


def a_negative_size():
    return build([node("Add", ("images", "w"))], [TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[-4])])


def loop(rounds: int | None, inner: list[onnx.NodeProto] | None = None) -> onnx.ModelProto:
    body = helper.make_graph(
        [node("Identity", ("go",), ("still",)), node("Identity", ("x",), ("y",)), *(inner or [])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8]),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 8, 8]),
        ],
    )
    weights = [] if rounds is None else [numpy_helper.from_array(np.array(rounds, np.int64), "rounds")]
    return build([node("Loop", ("" if rounds is None else "rounds", "", "images"), ("out",), body=body)], weights)


def a_long_loop():
    return loop(10_000, [node("Identity", ("x",), (f"x{index}",)) for index in range(100)])


def a_loop_in_a_loop():
    return loop(3, [loop(3).graph.node[0]])


def branches(depth: int) -> onnx.ModelProto:
    graph = helper.make_graph(
        [node("Identity", ("images",), ("x0",))], "b0", [], [helper.make_empty_tensor_value_info("x0")]
    )
    for level in range(1, depth + 1):
        name = f"x{level}"
        inner = [node("If", ("flag",), (name,), then_branch=graph, else_branch=graph)]
        graph = helper.make_graph(inner, f"b{level}", [], [helper.make_empty_tensor_value_info(name)])
    return build([node("If", ("flag",), ("out",), then_branch=graph, else_branch=graph)])


def function(name: str, calls: list[str]) -> onnx.FunctionProto:
    body, current = [], "x"
    for index, callee in enumerate(calls):
        following = f"t{index}" if index < len(calls) - 1 else "y"
        domain = "own" if callee.startswith("F") else ""
        body.append(helper.make_node(callee, [current], [following], domain=domain))
        current = following
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    return helper.make_function("own", name, ["x"], ["y"], body, opsets)


def a_function_that_calls_itself():
    functions = [function("F0", ["F1"]), function("F1", ["F0"])]
    return build([node("F0", domain="own")], functions=functions, extra_domains=["own"])


def functions_that_double_thirty_times():
    functions = [function("F0", ["Relu"]), *(function(f"F{level}", [f"F{level - 1}"] * 2) for level in range(1, 30))]
    return build([node("F29", domain="own")], functions=functions, extra_domains=["own"])


def functions_that_differ_in_their_overload() -> onnx.ModelProto:
    """The one that is called hides behind the other: an operator that nobody may use."""
    hidden = helper.make_function(
        "own", "F", ["x"], ["y"], [node("Tokenizer", ("x",), ("y",), "ai.onnx.contrib")],
        [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.contrib", 1)], overload="hidden",
    )  # fmt: skip
    shown = helper.make_function("own", "F", ["x"], ["y"], [node("Relu", ("x",), ("y",))], hidden.opset_import)
    call = node("F", domain="own")
    call.overload = "hidden"
    return build([call], functions=[hidden, shown], extra_domains=["own", "ai.onnx.contrib"])


BAD: list[tuple[Callable[[], onnx.ModelProto], str, str]] = [
    (external_initializer, "another file", "a weight in /etc/passwd"),
    (external_constant, "another file", "a Constant node's value"),
    (external_in_a_branch, "another file", "inside an If"),
    (external_in_a_function, "another file", "inside a model-local function"),
    (external_sparse, "another file", "a sparse weight's values"),
    (external_in_a_list_of_tensors, "another file", "an attribute that lists tensors"),
    (external_by_entries_alone, "another file", "entries without the flag"),
    (terabytes_by_shape, "would take", "terabytes from a 66-byte graph"),
    (terabytes_by_expand, "would take", "a scalar blown up"),
    (terabytes_by_tile, "would take", "an image repeated"),
    (terabytes_by_weight, "declares", "a weight of four terabytes"),
    (a_weight_without_its_data, "carries fewer", "a truncated weight"),
    (a_weight_in_two_forms, "malformed", "a weight in two forms"),
    (a_size_among_many, "bytes", "a size cut out of a long list"),
    (a_negative_size, "negative", "a size below zero"),
    (lambda: loop(None), "not a constant", "a loop for ever"),
    (lambda: loop(10**9), "1000000000 rounds", "a loop of a billion rounds"),
    (a_loop_in_a_loop, "loop inside a loop", "rounds multiply"),
    (a_long_loop, "1020000 nodes in all", "few enough rounds of a long body"),
    (lambda: branches(7), "nest deeper", "branches in branches"),
    (a_function_that_calls_itself, "calls itself", "recursion through functions"),
    (functions_that_differ_in_their_overload, "functions of one name", "an operator behind an overload"),
    (functions_that_double_thirty_times, "more than 50000 nodes", "a billion nodes from thirty functions"),
    (
        lambda: build([node("EPContext", domain="com.microsoft")], extra_domains=["com.microsoft"]),
        "engine",
        "an engine",
    ),
    (
        lambda: build([node("Tokenizer", domain="ai.onnx.contrib")], extra_domains=["ai.onnx.contrib"]),
        "Tokenizer",
        "custom",
    ),
    (
        lambda: build([node("Unknown", domain="com.microsoft")], extra_domains=["com.microsoft"]),
        "Unknown",
        "not listed",
    ),
    (lambda: build([node("Relu")], opset=99), "opset 99", "newer than the runtime"),
    (lambda: build([node("Relu")], opset=3), "opset 3", "older than supported"),
    (lambda: build([node("NoSuchOperator")]), "malformed", "a standard domain's unknown operator"),
    (lambda: build([node("Relu", ("nowhere",))]), "malformed", "an input that nobody makes"),
]


@pytest.mark.parametrize(("make", "says", "why"), BAD, ids=[row[2] for row in BAD])
def test_a_bad_graph_is_refused_with_what_is_wrong(make, says, why):
    with pytest.raises(InvalidModel, match=says):
        check_graph(make().SerializeToString())


NOT_ONNX = [
    (b"", "0 bytes", "empty"),
    (b"PK\x03\x04 archive", "not an ONNX file", "an archive, as .pt files are"),
    (b"\x80\x04\x95" + bytes(50), "not a", "a pickle"),
    (bytes(100), "not a", "zeros"),
    (b"\x10\x00\x00\x00ORTM" + bytes(50), ".ort", "ONNX Runtime's own format"),
    (onnx.ModelProto(ir_version=8).SerializeToString(), "no nodes", "a model without a graph"),
    (onnx_models.blob_detector()[:300], "not a", "cut off"),
]


@pytest.mark.parametrize(("data", "says", "why"), NOT_ONNX, ids=[row[2] for row in NOT_ONNX])
def test_what_is_no_onnx_file_is_refused(data, says, why):
    with pytest.raises(InvalidModel, match=says):
        check_graph(data)


def test_training_graphs_are_refused():
    model = build([node("Relu")])
    model.training_info.add()
    with pytest.raises(InvalidModel, match="training"):
        check_graph(model.SerializeToString())


def test_the_bounds_are_the_callers():
    data = onnx_models.blob_detector()
    with pytest.raises(InvalidModel, match="at most 100 are"):
        check_graph(data, GraphLimits(file_bytes=100))
    with pytest.raises(InvalidModel, match="more than 5 nodes"):
        check_graph(data, GraphLimits(nodes=NodeLimits(nodes=5)))
    with pytest.raises(InvalidModel, match="add up"):
        check_graph(data, GraphLimits(total_bytes=1000))


GOOD = [
    (onnx_models.blob_detector(), "fixed size"),
    (onnx_models.blob_detector(0), "free size"),
    (onnx_models.blob_detector_with_nms(), "selection inside"),
    (onnx_models.colour_classifier(), "a classifier"),
    (loop(100).SerializeToString(), "a loop of a hundred rounds"),
    (
        build([node("Gelu", domain="com.microsoft")], extra_domains=["com.microsoft"]).SerializeToString(),
        "a listed operator",
    ),
    (
        build(
            [node("F0", domain="own")], functions=[function("F0", ["Relu"])], extra_domains=["own"]
        ).SerializeToString(),
        "a function of its own, as newer exporters write",
    ),
]


@pytest.mark.parametrize(("data", "why"), GOOD, ids=[row[1] for row in GOOD])
def test_an_ordinary_graph_passes(data, why):
    assert check_graph(data).graph.node


def test_what_large_weights_hold_is_kept_and_what_follows_from_their_sizes_is_counted():
    weight = numpy_helper.from_array(np.full((8, 3, 32, 32), 0.5, np.float32), "w")
    made = build([node("Conv", ("images", "w"), pads=[16, 16, 15, 15])], [weight])
    assert check_graph(made.SerializeToString()) == made
    few, many = GraphLimits(total_bytes=2_000), GraphLimits(total_bytes=3_000)  # 3 + 8 channels of 8 x 8 floats
    assert check_graph(made.SerializeToString(), many).graph.initializer[0].raw_data == weight.raw_data
    with pytest.raises(InvalidModel, match="add up"):
        check_graph(made.SerializeToString(), few)
