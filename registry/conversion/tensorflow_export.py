"""The work of a child: a Keras model, a SavedModel or a frozen graph to ONNX, channels first."""

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from registry.conversion import agreement
from registry.conversion.file_kind import FileKind
from registry.conversion.shape import read_shape
from registry.conversion.tensorflow_scan import refuse_code_in_config
from registry.errors import InvalidModel, MissingExtra

KIND, ONNX = "kind.txt", "model.onnx"
SOURCES = {
    FileKind.KERAS: "model.keras",
    FileKind.HDF5: "model.h5",
    FileKind.SAVED_MODEL: "model.zip",
    FileKind.FROZEN_GRAPH: "model.pb",
}
ENVIRONMENT = {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "2", "KERAS_BACKEND": "tensorflow"}
_OPSET = 17
_FREE_SIDE = 224

Answering = Callable[[Any], Any]


def work(folder: Path) -> dict[str, Any]:
    """Convert the file that `kind.txt` names to `model.onnx`; how far the two agree.

    TensorFlow sees (1, height, width, channels); the graph that is written takes (1, channels, height, width).
    """
    try:
        import tensorflow
        import tf2onnx
    except ImportError as error:
        raise MissingExtra(
            "TensorFlow models need tensorflow and tf2onnx to be converted", hint='pip install "nexusai[tensorflow]"'
        ) from error
    kind = FileKind((folder / KIND).read_text(encoding="utf-8"))
    answering, declared = _loaded(kind, folder / SOURCES[kind])
    shape = read_shape(folder)
    channels = declared[3] or (shape[1] if shape else 3)
    height, width = (
        side or (shape[axis] if shape else _FREE_SIDE) for axis, side in ((2, declared[1]), (3, declared[2]))
    )
    signature = [tensorflow.TensorSpec((1, height, width, channels), tensorflow.float32, name="images")]
    function = tensorflow.function(answering, input_signature=signature)
    tf2onnx.convert.from_function(
        function,
        input_signature=signature,
        opset=_OPSET,
        inputs_as_nchw=["images"],
        output_path=str(folder / ONNX),
    )
    original = _channels_first(function)
    return agreement.measure(original, (folder / ONNX).read_bytes(), folder, (1, channels, height, width)).to_dict()


def _loaded(kind: FileKind, source: Path) -> tuple[Answering, Sequence[int | None]]:
    """What answers a batch of images, and its declared input (batch, height, width, channels)."""
    if kind in (FileKind.KERAS, FileKind.HDF5):
        return _keras(kind, source)
    return _saved_model(source) if kind is FileKind.SAVED_MODEL else _frozen(source)


def _keras(kind: FileKind, source: Path) -> tuple[Answering, Sequence[int | None]]:
    import keras

    if kind is FileKind.HDF5:
        import h5py

        with h5py.File(source, "r") as file:
            config = file.attrs.get("model_config")
        if config is None:
            raise InvalidModel("the HDF5 file holds weights without their network", hint="Save the whole Keras model.")
        refuse_code_in_config(config)
    model = keras.models.load_model(source, compile=False, safe_mode=True)
    return lambda images: model(images, training=False), _image_input([tuple(each.shape) for each in model.inputs])


def _saved_model(source: Path) -> tuple[Answering, Sequence[int | None]]:
    import tensorflow

    target = source.with_suffix("")
    with zipfile.ZipFile(source) as archive:  # its census was taken: no links, no names that lead out
        archive.extractall(target)
    place = next(target.rglob("saved_model.pb")).parent
    loaded = tensorflow.saved_model.load(str(place))
    signature = loaded.signatures.get("serving_default")
    if signature is None:
        raise InvalidModel("the SavedModel has no signature serving_default")
    _, inputs = signature.structured_input_signature
    (name,) = inputs if len(inputs) == 1 else ("",)
    shapes = [tuple(each.shape) for each in inputs.values()]

    def answering(images: Any) -> Any:
        answers = signature(**{name: images})  # `loaded` must stay alive as long as its signature
        return [answers[key] for key in sorted(answers)] if loaded else []

    return answering, _image_input(shapes)


def _frozen(source: Path) -> tuple[Answering, Sequence[int | None]]:
    import tensorflow

    graph = tensorflow.compat.v1.GraphDef()
    graph.ParseFromString(source.read_bytes())
    used = {each.split(":")[0].lstrip("^") for node in graph.node for each in node.input}
    inputs = [node for node in graph.node if node.op == "Placeholder"]
    outputs = [node.name for node in graph.node if node.name not in used and node.op not in ("NoOp", "Placeholder")]
    shapes = [tuple(dim.size if dim.size > 0 else None for dim in node.attr["shape"].shape.dim) for node in inputs]
    declared = _image_input(shapes)

    def imported() -> None:
        tensorflow.import_graph_def(graph, name="")

    wrapped = tensorflow.compat.v1.wrap_function(imported, [])
    pruned = wrapped.prune(f"{inputs[0].name}:0", [f"{name}:0" for name in outputs])
    return pruned, declared


def _image_input(shapes: Sequence[Sequence[int | None]]) -> Sequence[int | None]:
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][3] not in (1, 3, None):
        raise InvalidModel(
            f"expected one image input (batch, height, width, channels), found {[tuple(shape) for shape in shapes][:4]}"
        )
    return shapes[0]


def _channels_first(function: Answering) -> agreement.Original:
    import tensorflow

    def original(picture: agreement.Array) -> list[agreement.Array]:
        answer = function(tensorflow.constant(picture.transpose(0, 2, 3, 1)))
        return agreement.flat(tensorflow.nest.map_structure(lambda each: each.numpy(), answer))

    return original
