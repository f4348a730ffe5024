"""What a Keras configuration or a TensorFlow graph would run, read from its bytes: an alarm, not a gate."""

import json
import re
from collections.abc import Iterator
from typing import Any

from registry.errors import InvalidModel

# Operators that reach files, programs or Python from inside a graph.
_REACHING = (
    *("ReadFile", "WriteFile", "MatchingFiles", "PyFunc", "PyFuncStateless", "EagerPyFunc", "PrintV2"),
    *("TextLineReaderV2", "WholeFileReaderV2", "FixedLengthRecordReaderV2", "TFRecordReaderV2", "IdentityReaderV2"),
    *("TextLineDataset", "FixedLengthRecordDatasetV2", "TFRecordDataset", "SqlDataset", "LoadDataset", "SaveDataset"),
    *("DebugIdentityV2", "DebugIdentity", "GeneratorDataset", "RpcCall", "LoadLibrary", "ImmutableConst"),
)
_NODE_OPERATOR = 0x12  # NodeDef.op is field 2
_LAMBDA = re.compile(rb'"(?:class_name|function_type)"\s*:\s*"(?:Lambda|__lambda__|lambda)"')
_HINT = "Replace the layer with one of Keras' own, or export the network to ONNX where you trained it."


def refuse_reaching_operators(graph: bytes) -> None:
    """Raises InvalidModel when a graph or SavedModel names an operator that reaches outside."""
    for name in _REACHING:
        if bytes((_NODE_OPERATOR, len(name))) + name.encode() in graph:
            raise InvalidModel(f"the TensorFlow graph uses {name}, which reaches outside the graph")


def refuse_code_in_text(data: bytes) -> None:
    """Raises InvalidModel when the configuration inside an HDF5 file names a Lambda layer.

    The configuration is searched as it lies in the file; the child that loads it checks it again once parsed.
    """
    if _LAMBDA.search(data):
        raise InvalidModel("the Keras model has a Lambda layer, which is Python code", hint=_HINT)


def refuse_code_in_config(text: str | bytes) -> None:
    """Raises InvalidModel when a Keras configuration carries code or asks for classes that are not Keras' own."""
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidModel("the Keras configuration is not JSON") from error
    for entry in _entries(config):
        name, module = entry.get("class_name"), entry.get("module")
        if name in ("Lambda", "__lambda__") or entry.get("function_type") == "lambda":
            raise InvalidModel("the Keras model has a Lambda layer, which is Python code", hint=_HINT)
        if isinstance(module, str) and module.partition(".")[0] != "keras":
            raise InvalidModel(f"the Keras model asks for {module[:60]}.{name}, which is not Keras' own", hint=_HINT)


def _entries(value: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object, at any depth."""
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, dict):
            yield current
            waiting.extend(current.values())
        elif isinstance(current, list):
            waiting.extend(current)
