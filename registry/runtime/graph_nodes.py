"""Which operators an ONNX graph may use, how deep they nest, how often they repeat."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import onnx
from onnx import numpy_helper

from registry.errors import InvalidModel

_STANDARD = frozenset({"", "ai.onnx", "ai.onnx.ml"})
_PLAIN_HINT = "Export the model for inference: the graph of a trained network needs no such program."
_LOOPS = frozenset({"Loop", "Scan"})
# What quantizers and exporters for ONNX Runtime write; everything else of that domain stays out.
_MICROSOFT = frozenset(
    [
        "Attention",
        "BiasGelu",
        "BiasSplitGelu",
        "DequantizeLinear",
        "DynamicQuantizeMatMul",
        "FastGelu",
        "FusedConv",
        "FusedGemm",
        "FusedMatMul",
        "Gelu",
        "GroupNorm",
        "MatMulInteger16",
        "MatMulIntegerToFloat",
        "MatMulNBits",
        "MultiHeadAttention",
        "NhwcFusedConv",
        "NhwcMaxPool",
        "QAttention",
        "QGemm",
        "QLinearAdd",
        "QLinearAveragePool",
        "QLinearConcat",
        "QLinearConv",
        "QLinearGlobalAveragePool",
        "QLinearLeakyRelu",
        "QLinearMul",
        "QLinearReduceMean",
        "QLinearSigmoid",
        "QLinearSoftmax",
        "QMoE",
        "QuantizeLinear",
        "QuickGelu",
        "SimplifiedLayerNormalization",
        "SkipLayerNormalization",
        "SkipSimplifiedLayerNormalization",
    ]
)


@dataclass(frozen=True, slots=True)
class NodeLimits:
    """Bounds on a graph's program: nodes after every function is written out, nesting of subgraphs, loop rounds.

    `loop_nodes` is the most that the rounds of one loop come to, each with the nodes of its body.
    """

    nodes: int = 50_000
    depth: int = 4
    loop_rounds: int = 10_000
    loop_nodes: int = 1_000_000


@dataclass(slots=True)
class _Walk:
    """The state of one walk: functions by (domain, name), and the node count of each that was measured."""

    limits: NodeLimits
    functions: dict[tuple[str, str], onnx.FunctionProto]
    measured: dict[tuple[str, str], int] = field(default_factory=dict)
    open_calls: list[tuple[str, str]] = field(default_factory=list)


def check_nodes(model: onnx.ModelProto, limits: NodeLimits) -> None:
    """Refuse operators of unknown domains, unbounded loops, recursion, and graphs that are too deep or too long.

    Raises:
        InvalidModel: the operator and where it stands.
    """
    functions = {(function.domain, function.name): function for function in model.functions}
    if len(functions) != len(model.functions):  # a call names one of them by its overload alone
        raise InvalidModel(
            "the model has functions of one name, of which nobody can tell which is called", hint=_PLAIN_HINT
        )
    walk = _Walk(limits, functions)
    for key in functions:
        _count_function(walk, key)
    rounds = _constants(model.graph.initializer, model.graph.node)
    _count_nodes(walk, model.graph.node, rounds, depth=0, loops=0)


def _count_function(walk: _Walk, key: tuple[str, str]) -> int:
    if key in walk.open_calls:
        raise InvalidModel(f"function {key[1][:80]} calls itself", hint=_PLAIN_HINT)
    if len(walk.open_calls) > 32:
        raise InvalidModel("functions call each other more than 32 deep", hint=_PLAIN_HINT)
    if key not in walk.measured:
        walk.open_calls.append(key)
        nodes = walk.functions[key].node
        # A function may be called from inside a loop, so its own loops count as nested.
        walk.measured[key] = _count_nodes(walk, nodes, _constants((), nodes), depth=0, loops=1)
        walk.open_calls.pop()
    return walk.measured[key]


def _count_nodes(walk: _Walk, nodes: Iterable[onnx.NodeProto], rounds: dict[str, int], depth: int, loops: int) -> int:
    """Nodes of one graph with its subgraphs and called functions; raises at the first that is refused."""
    if depth > walk.limits.depth:
        raise InvalidModel(f"subgraphs nest deeper than {walk.limits.depth}", hint=_PLAIN_HINT)
    total = 0
    for node in nodes:
        total += 1
        key = (node.domain, node.op_type)
        if key in walk.functions:
            total += _count_function(walk, key)
        else:
            _check_operator(node)
        looping = loops + (node.op_type in _LOOPS)
        if node.op_type in _LOOPS:
            _check_loop(node, rounds, looping, walk.limits)
        body = 0
        for graph in _subgraphs(node):
            inner = rounds | _constants(graph.initializer, graph.node)
            body += _count_nodes(walk, graph.node, inner, depth + 1, looping)
        if node.op_type == "Loop":
            _check_rounds(node, rounds[node.input[0]] * body, walk.limits)
        total += body
        if total > walk.limits.nodes:
            raise InvalidModel(f"the graph has more than {walk.limits.nodes} nodes", hint=_PLAIN_HINT)
    return total


def _check_operator(node: onnx.NodeProto) -> None:
    where = f"node {node.name[:80]!r}" if node.name else f"the node that makes {list(node.output)[:1]}"
    if node.op_type == "EPContext":
        raise InvalidModel(
            f"{where} is an EPContext: a compiled engine inside the graph",
            hint="Upload the plain ONNX graph; engines are built on the machine that serves it.",
        )
    if node.domain in _STANDARD or (node.domain == "com.microsoft" and node.op_type in _MICROSOFT):
        return
    raise InvalidModel(
        f"{where} uses operator {node.op_type[:80]} of domain {node.domain[:80]!r}; supported are the standard "
        "operators, ai.onnx.ml, and the quantized operators of com.microsoft",
        hint="Export the model with standard operators only.",
    )


def _check_loop(node: onnx.NodeProto, rounds: dict[str, int], loops: int, limits: NodeLimits) -> None:
    name = node.name[:80] or node.op_type
    if loops > 1:
        raise InvalidModel(f"{name} is a loop inside a loop or a function", hint=_PLAIN_HINT)
    if node.op_type == "Scan":  # as many rounds as the scanned axis is long
        return
    count = rounds.get(node.input[0]) if node.input else None
    if count is None:
        raise InvalidModel(f"{name} is a Loop whose number of rounds is not a constant", hint=_PLAIN_HINT)
    if count > limits.loop_rounds:
        raise InvalidModel(
            f"{name} is a Loop of {count} rounds; at most {limits.loop_rounds} are accepted", hint=_PLAIN_HINT
        )


def _check_rounds(node: onnx.NodeProto, nodes: int, limits: NodeLimits) -> None:
    if nodes > limits.loop_nodes:
        name = node.name[:80] or node.op_type
        raise InvalidModel(
            f"{name} is a Loop that runs {nodes} nodes in all; at most {limits.loop_nodes} are accepted",
            hint=_PLAIN_HINT,
        )


def _subgraphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    graphs: list[onnx.GraphProto] = []
    for attribute in node.attribute:
        graphs.extend([attribute.g] if attribute.HasField("g") else [])
        graphs.extend(attribute.graphs)
    return graphs


def _constants(initializers: Iterable[onnx.TensorProto], nodes: Iterable[onnx.NodeProto]) -> dict[str, int]:
    """Single integers that a graph names: what a loop's number of rounds can be read from."""
    named = [(tensor.name, tensor) for tensor in initializers]
    made = (node for node in nodes if node.op_type == "Constant" and node.output and node.attribute)
    named.extend((node.output[0], node.attribute[0].t) for node in made if node.attribute[0].HasField("t"))
    return {
        name: int(numpy_helper.to_array(tensor).reshape(-1)[0])
        for name, tensor in named
        if tensor.data_type == onnx.TensorProto.INT64 and _single(tensor)
    }


def _single(tensor: onnx.TensorProto) -> bool:
    return all(size == 1 for size in tensor.dims) and bool(len(tensor.raw_data) == 8 or len(tensor.int64_data) == 1)
