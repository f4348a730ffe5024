"""Files of ordinary size that would take gigabytes as objects: refused before they become any."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from registry.errors import InvalidModel
from registry.runtime.graph_check import check_graph
from registry.runtime.graph_parts import PartLimits, check_parts

MANY = 2_000_000
NODE, WEIGHT, OUTPUT = b"\x0a\0", b"\x2a\0", b"\x62\0"  # of a graph, each empty


def field(number: int, content: bytes) -> bytes:
    """A field of bytes, its tag in two bytes and its length in five, as any reader takes them."""
    length = bytes(len(content) >> 7 * index & 0x7F | 0x80 for index in range(4)) + bytes([len(content) >> 28])
    return bytes([number << 3 & 0x7F | 0x82, number >> 4]) + length + content


def model(graph: bytes, more: bytes = b"") -> bytes:
    return b"\x08\x0a" + field(7, graph) + more


def in_a_branch(graph: bytes) -> bytes:
    return field(1, field(5, field(6, graph)))  # node, attribute, g


TOO_MANY: list[tuple[Callable[[], bytes], str, str]] = [
    (lambda: model(NODE * MANY), "more than 50000 nodes", "empty nodes"),
    (lambda: model(in_a_branch(in_a_branch(NODE * MANY))), "more than 50000 nodes", "nodes in a branch of a branch"),
    (lambda: model(b"", field(25, field(7, b"") * MANY)), "more than 50000 nodes", "nodes of a function"),
    (lambda: model(NODE * 30_000) * 2, "more than 50000 nodes", "a graph in two halves"),
    (lambda: model(b"\x8a\x80\x80\x80\x00\0" * 60_000), "more than 50000 nodes", "nodes whose tag takes five bytes"),
    (lambda: model(WEIGHT * MANY), "small parts", "empty weights"),
    (lambda: model(OUTPUT * MANY), "small parts", "empty outputs"),
    (lambda: model(b"", b"\x72\0" * MANY), "small parts", "empty metadata"),
    (lambda: model(field(1, b"\x0a\0" * 5_000_000)), "small parts", "inputs of one node, without names"),
    (lambda: model(field(5, b"\x08\x01" * 5_000_000)), "small parts", "sizes of one weight"),
    (lambda: model(field(5, field(7, bytes(140 << 20)))), "whole numbers", "numbers of one byte that become eight"),
    (lambda: b"\x08\x0a\x3a\x7f", "do not parse", "a graph longer than the file"),
    (lambda: model(b"\x0b\x0c"), "do not parse", "a group"),
    (lambda: model(b"\x80" * 20), "do not parse", "a number without an end"),
    (lambda: model(b"\x02\x00"), "do not parse", "a field without a number"),
]


@pytest.mark.parametrize(("make", "says", "why"), TOO_MANY, ids=[row[2] for row in TOO_MANY])
def test_a_file_that_would_take_far_more_memory_than_bytes_is_refused_unparsed(make, says, why, monkeypatch):
    def parse(_data: bytes) -> onnx.ModelProto:
        raise AssertionError("it became objects")

    monkeypatch.setattr(onnx, "load_model_from_string", parse)
    with pytest.raises(InvalidModel, match=says):
        check_graph(make())


def test_the_parts_of_every_depth_are_counted():
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])
    inner = helper.make_graph([helper.make_node("Identity", ["x"], ["a"])], "g", [], [image])
    nodes = [helper.make_node("If", ["flag"], ["y"], then_branch=inner, else_branch=inner)]
    function = helper.make_function("own", "F", ["x"], ["y"], list(inner.node), [helper.make_opsetid("", 18)])
    graph = helper.make_graph(nodes, "g", [image], [image])
    data = helper.make_model(graph, functions=[function]).SerializeToString()
    check_parts(data, 4)
    with pytest.raises(InvalidModel, match="more than 3 nodes"):
        check_parts(data, 3)


def test_what_weights_hold_is_not_walked_through():
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])
    weights = [numpy_helper.from_array(np.full(1 << 22, 3e-33, np.float32), f"w{index}") for index in range(4)]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [image], [image], weights)
    data = helper.make_model(graph).SerializeToString()
    assert len(data) > 64 << 20
    check_parts(data, 1, PartLimits(fields=100))
