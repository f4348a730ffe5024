"""What people are told of a graph that ONNX Runtime does not take: no path, no C++, and a hint that fits."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from registry.errors import InvalidModel
from registry.runtime.graph_check import check_graph
from registry.runtime.onnx_session import ORT_ERRORS, OnnxSession
from registry.runtime.runtime_words import runtime_words


def _graph(nodes: list[onnx.NodeProto], *weights: onnx.TensorProto, side: int | str = 4) -> bytes:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, side, side])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [image], [out], list(weights))
    return bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    )


TYPES = _graph(
    [helper.make_node("Add", ["image", "one"], ["out"], name="/head/add")],
    helper.make_tensor("one", TensorProto.INT64, [1], [1]),
)
OPERATOR = _graph([helper.make_node("Conjure", ["image"], ["out"], name="/head/conjure")])
RESHAPE = _graph(
    [helper.make_node("Reshape", ["image", "shape"], ["out"], name="/head/reshape")],
    helper.make_tensor("shape", TensorProto.INT64, [2], [7, 5]),
    side="s",
)


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (TYPES, "operator Add is given types that do not fit together (node '/head/add')"),
        (OPERATOR, "operator Conjure is not as ONNX has it (node '/head/conjure')"),
        (b"\x08\x08", "it refuses the graph"),
    ],
    ids=["types", "operator", "no graph"],
)
def test_why_a_graph_is_not_built_is_told_in_our_words(graph: bytes, said: str) -> None:
    with pytest.raises(ORT_ERRORS) as refused:
        ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    assert runtime_words(refused.value) == said


def test_a_run_that_fails_names_the_node_and_no_source_of_the_runtime() -> None:
    session = OnnxSession(RESHAPE, threads=1)
    with pytest.raises(InvalidModel) as failed:
        session.run(np.zeros((1, 3, 4, 4), np.float32))
    assert failed.value.message == (
        "the graph failed on an input of (1, 3, 4, 4): operator Reshape failed on what it was given "
        "(node '/head/reshape')"
    )
    assert "picture" in failed.value.hint


def test_only_data_in_another_file_is_answered_with_one_file() -> None:
    outside = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
    outside.ClearField("float_data")
    outside.data_location = TensorProto.EXTERNAL
    outside.external_data.add(key="location", value="weights.bin")
    apart = _graph([helper.make_node("Add", ["image", "one"], ["out"])], outside)
    whole = _graph([helper.make_node("Relu", ["image"], ["out"])])
    foreign = _graph([helper.make_node("Relu", ["image"], ["out"], domain="mine")])
    hints = {}
    for name, graph in {"apart": apart, "cut": whole[: len(whole) // 2], "empty": b"", "foreign": foreign}.items():
        with pytest.raises(InvalidModel) as refused:
            check_graph(graph)
        hints[name] = refused.value.hint
    assert [name for name, hint in hints.items() if "one file" in hint] == ["apart"]
    assert "broken" in hints["cut"]
    assert "broken" in hints["empty"]
    assert "standard operators" in hints["foreign"]
