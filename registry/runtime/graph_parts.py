"""How many parts an ONNX file has, counted in its bytes before one of them becomes an object.

An empty node takes two bytes of a file and more than a hundred once parsed: a file of ordinary size could take all
of the machine's memory before anybody looked at its nodes.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import onnx
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from registry.errors import InvalidModel
from registry.runtime.protobuf_wire import BYTES, fields

_SIMPLER_HINT = "Export it anew: a graph that an exporter writes for inference has far fewer parts."
_NUMBER_BYTES = {
    FieldDescriptor.CPPTYPE_INT32: 4,
    FieldDescriptor.CPPTYPE_UINT32: 4,
    FieldDescriptor.CPPTYPE_ENUM: 4,
    FieldDescriptor.CPPTYPE_BOOL: 1,
    FieldDescriptor.CPPTYPE_INT64: 8,
    FieldDescriptor.CPPTYPE_UINT64: 8,
}


@dataclass(frozen=True, slots=True)
class PartLimits:
    """Bounds on what the parts of a file become once parsed, some 250 bytes for a message and 40 for a field."""

    messages: int = 1_000_000  # nodes, attributes, tensors, value infos, sizes, metadata
    fields: int = 4_000_000
    number_bytes: int = 1 << 30  # of whole numbers, each of which may lie in the file as one byte


@dataclass(slots=True)
class _Kind:
    """A kind of message: which of its fields are messages, and what one number of its packed fields takes."""

    node: bool
    messages: dict[int, "_Kind"] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)


def check_parts(data: bytes, most_nodes: int, limits: PartLimits | None = None) -> None:
    """Raises InvalidModel for bytes that are no protobuf message, or a model of more parts than anybody needs."""
    limits = limits or PartLimits()
    waiting = [(0, len(data), _model())]
    seen = nodes = messages = number_bytes = 0
    try:
        while waiting:
            place, end, kind = waiting.pop()
            for number, wire, start, stop in fields(data, place, end):
                seen += 1
                if wire == BYTES and number in kind.messages:
                    inner = kind.messages[number]
                    messages += 1
                    nodes += inner.node
                    waiting.append((start, stop, inner))
                elif wire == BYTES and number in kind.numbers:
                    number_bytes += (stop - start) * kind.numbers[number]
                if seen > limits.fields or messages > limits.messages or nodes > most_nodes:
                    _refuse(nodes, most_nodes)
            if number_bytes > limits.number_bytes:
                raise InvalidModel(
                    f"the model's whole numbers could take {number_bytes} bytes; {limits.number_bytes} are accepted",
                    hint="Save its tensors as raw data, as numpy_helper.from_array does.",
                )
    except ValueError as error:
        raise InvalidModel(
            f"not an ONNX file: {len(data)} bytes that do not parse", hint=InvalidModel.broken_hint
        ) from error


def _refuse(nodes: int, most_nodes: int) -> None:
    if nodes > most_nodes:
        raise InvalidModel(f"the graph has more than {most_nodes} nodes", hint=_SIMPLER_HINT)
    raise InvalidModel("the model is of more small parts than any graph of so many nodes needs", hint=_SIMPLER_HINT)


@lru_cache(maxsize=1)
def _model() -> _Kind:
    return _kind(onnx.ModelProto.DESCRIPTOR, {})


def _kind(descriptor: Descriptor, known: dict[str, _Kind]) -> _Kind:
    """A message's kind from its description; kinds may hold one another."""
    if descriptor.full_name in known:
        return known[descriptor.full_name]
    kind = known[descriptor.full_name] = _Kind(node=descriptor.full_name == onnx.NodeProto.DESCRIPTOR.full_name)
    each: Any
    for each in descriptor.fields:
        if each.message_type is not None:
            kind.messages[each.number] = _kind(each.message_type, known)
        elif each.is_repeated and each.cpp_type in _NUMBER_BYTES:
            kind.numbers[each.number] = _NUMBER_BYTES[each.cpp_type]
    return kind
