"""`python -m registry.runtime.probe BACKEND`: whether a backend for a GPU runs here, as a line of JSON.

A process of its own, because a GPU's runtime takes hundreds of MiB and cannot be unloaded.
"""

import json
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

from registry.errors import RegistryError
from registry.runtime.host_choice import Backend
from registry.runtime.onnx_session import raw_session
from registry.runtime.providers import started


def main(backend: Backend) -> None:
    """Run the smallest graph that a GPU has work with."""
    said = {"usable": True, "detail": started(backend), "hint": ""}
    try:
        session = raw_session(_addition(), 1, backend)
        session.run(None, {"x": np.ones((1, 8), np.float32)})
    except RegistryError as error:
        said = {"usable": False, "detail": error.message, "hint": error.hint}
    sys.stdout.write(json.dumps(said) + "\n")


def _addition() -> bytes:
    shape = ["n", 8]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "addition", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


if __name__ == "__main__":
    main(Backend(sys.argv[1]))
