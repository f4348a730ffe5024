"""The forms that an optimisation makes of a version: a slimmer graph, 16-bit floats, 8-bit integers."""

import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import onnx

from registry.errors import InvalidModel, MissingExtra
from registry.jobs.tuning_parameters import Form
from registry.runtime.backends import survey
from registry.runtime.graph_check import check_graph
from registry.runtime.graph_session import reason_of
from registry.runtime.host_choice import Backend
from registry.training.scene_folder import LabelledImage
from registry.tuning.quantise import quiet
from registry.tuning.variants import INT8_OPENVINO, Variant, has_head, integers, integers_for_openvino

Judge = Callable[[Variant], bool]


def make_form(form: Form, own: Variant, images: Sequence[LabelledImage], good_enough: Judge) -> Variant:
    """A form of the version, checked as an upload would be; `good_enough` says whether a whole network may be int8.

    Raises InvalidModel where the graph cannot be had in this form, MissingExtra where a library is missing here.
    """
    if form == "slim":
        return _checked(own, slim(own.model_bytes), "slim fp32")
    if form == "fp16":
        return _checked(own, half(own.model_bytes), "fp16")
    if form == "int8":
        whole = integers(own, images, whole=True)
        return whole if not has_head(own) or good_enough(whole) else integers(own, images, whole=False)
    if form == "int8-openvino":
        made = integers_for_openvino(own, images)
        if made is None:
            raise MissingExtra(f"{INT8_OPENVINO} needs nncf", hint="pip install 'nexusai[openvino]'")
        return made
    standing = next(each for each in survey() if each.backend is Backend.TENSORRT)
    if not standing.usable:
        raise MissingExtra(f"TensorRT does not run here: {standing.detail}", hint=standing.hint)
    return own  # the engine is built from the version's own files, and stays on this machine


def backends_of(form: Form) -> tuple[Backend, ...]:
    """Where a form is worth timing."""
    if form == "tensorrt":
        return (Backend.TENSORRT,)
    if form == "int8-openvino":
        return (Backend.OPENVINO, Backend.CPU)
    return tuple(each for each in Backend if each is not Backend.TENSORRT)


def slim(model_bytes: bytes) -> bytes:
    """The graph with what is constant worked out and what is done twice done once, in plain ONNX operators.

    By onnxslim where it is installed, then by ONNX Runtime's basic optimisations, which hold on every machine.
    Raises InvalidModel where nothing is left out.
    """
    before = onnx.load_model_from_string(model_bytes)
    made = _by_runtime(_by_onnxslim(model_bytes))
    after = onnx.load_model_from_string(made)
    domains = {node.domain for node in after.graph.node} - {node.domain for node in before.graph.node}
    if domains - {"", "ai.onnx"}:
        raise InvalidModel(f"the slimmer graph would need operators of {', '.join(sorted(domains))}")
    if len(after.graph.node) >= len(before.graph.node):
        raise InvalidModel(f"none of its {len(before.graph.node)} nodes can be left out: the graph is slim already")
    return made


def half(model_bytes: bytes) -> bytes:
    """The graph computed in 16-bit floats, with its input and outputs as before. Raises InvalidModel."""
    from onnxruntime.quantization.onnx_model import ONNXModel
    from onnxruntime.transformers.float16 import convert_float_to_float16

    with quiet():
        try:
            made = convert_float_to_float16(onnx.load_model_from_string(model_bytes), keep_io_types=True)
            ONNXModel(made).topological_sort()  # the casts of the inputs are appended
        except Exception as error:  # it raises what its many parts raise
            raise InvalidModel(f"the graph cannot be had in 16-bit floats: {reason_of(error)}") from error
    return bytes(made.SerializeToString())


def _checked(own: Variant, model_bytes: bytes, numbers: str) -> Variant:
    check_graph(model_bytes)
    return Variant(model_bytes, own.card, numbers)


def _by_onnxslim(model_bytes: bytes) -> bytes:
    if find_spec("onnxslim") is None:
        return model_bytes
    import onnxslim

    with quiet():
        try:
            made = onnxslim.slim(onnx.load_model_from_string(model_bytes))
        except Exception as error:  # likewise
            raise InvalidModel(f"onnxslim cannot read the graph: {reason_of(error)}") from error
    return bytes(made.SerializeToString()) if made is not None else model_bytes


def _by_runtime(model_bytes: bytes) -> bytes:
    import onnxruntime as ort

    with tempfile.TemporaryDirectory(prefix="nexusai-slim-") as folder:
        target = Path(folder, "slim.onnx")
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(target)
        options.log_severity_level = 3
        try:
            ort.InferenceSession(model_bytes, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # likewise
            raise InvalidModel(f"ONNX Runtime cannot optimise the graph: {reason_of(error)}") from error
        return target.read_bytes()
