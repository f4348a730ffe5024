"""A card for a model that came without one, read from its ONNX metadata, input and output."""

from dataclasses import dataclass

import onnx
from pydantic import ValidationError

from registry.errors import InvalidModel, UnsupportedOutputs
from registry.runtime.card import Decoder, InputSpec, ModelCard, Task
from registry.runtime.graph_check import check_graph
from registry.runtime.onnx_metadata import ExportMetadata, read_metadata

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_STRIDE_SETS = ((8, 16, 32), (8, 16, 32, 64), (16, 32), (8,), (16,), (32,))
_MAX_LABELS = 20_000
_SUPPORTED = "(1, 4 + labels, anchors), (1, n, 6) or (1, labels)"
_PASS_THROUGH = frozenset({"Cast", "Flatten", "Identity", "Reshape", "Squeeze"})


@dataclass(frozen=True, slots=True)
class _Graph:
    """Input and output of a graph as declared; a size of 0 is free."""

    input: tuple[int, ...]
    output: tuple[int, ...]
    last_operator: str

    @property
    def said(self) -> str:
        """The output's shape as a message shows it."""
        return "(" + ", ".join(str(size or "?") for size in self.output) + ")"


def infer_card(model_bytes: bytes) -> ModelCard:
    """Derive task, decoder, labels and input from ONNX bytes; `description` says what was assumed.

    Ultralytics writes labels, stride, size and task into its exports. Without them a three-dimensional output is
    taken as a detector's when its anchors fit the input, a two-dimensional one as a classifier's with ImageNet
    normalisation; labels are then "class 0", "class 1" and so on.

    Raises:
        InvalidModel: the graph is refused or takes no single image.
        UnsupportedOutputs: no decoder fits, saying what was found.
    """
    model = check_graph(model_bytes)
    metadata = read_metadata(model)
    graph = _describe(model)
    if metadata.task not in ("", Task.DETECT, Task.CLASSIFY):
        raise UnsupportedOutputs(
            f"the model's metadata says task {metadata.task[:40]!r}; detect and classify are served"
        )
    decoder = _decoder(graph, metadata)
    make = _detector if decoder in (Decoder.YOLO, Decoder.YOLO_NMS) else _classifier
    try:
        return make(graph, metadata, decoder)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidModel(f"the model's {where} makes no card: {first['msg']}") from error


def _describe(model: onnx.ModelProto) -> _Graph:
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    if len(inputs) != 1 or len(inputs[0].type.tensor_type.shape.dim) != 4:
        raise InvalidModel(f"expected one image input (1, channels, height, width), found {len(inputs)} inputs")
    if len(model.graph.output) != 1:
        names = ", ".join(value.name[:40] for value in model.graph.output[:6])
        raise UnsupportedOutputs(f"expected one output {_SUPPORTED}, found {len(model.graph.output)}: {names}")
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph.output[0]
    makers = {name: node for node in model.graph.node for name in node.output}
    last = makers.get(inferred.name)
    while last is not None and last.op_type in _PASS_THROUGH and last.input:
        last = makers.get(last.input[0])
    return _Graph(_sizes(inputs[0]), _sizes(inferred), last.op_type if last is not None else "")


def _sizes(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    return tuple(int(dim.dim_value) for dim in value.type.tensor_type.shape.dim)


def _decoder(graph: _Graph, metadata: ExportMetadata) -> Decoder:
    output = graph.output
    if len(output) == 2 or (len(output) == 4 and output[2:] == (1, 1)):
        return Decoder.PROBABILITIES if graph.last_operator in ("Softmax", "Sigmoid") else Decoder.LOGITS
    if len(output) == 3 and not metadata.suppressed and _is_yolo(graph, metadata):
        return Decoder.YOLO
    if len(output) == 3 and output[2] == 6:
        return Decoder.YOLO_NMS
    hint = ""
    if len(output) == 3 and output[2] > 6:
        hint = "This looks like YOLOv5's or a transformer's layout: export with built-in suppression (nms=True)."
    raise UnsupportedOutputs(f"expected an output {_SUPPORTED}, found {graph.said}", hint=hint)


def _is_yolo(graph: _Graph, metadata: ExportMetadata) -> bool:
    """Whether there are 4 rows more than labels and, where labels are unknown, as many anchors as grid cells."""
    rows, anchors = graph.output[1:]
    if metadata.labels:
        return rows == 4 + len(metadata.labels)
    if not 5 <= rows <= 4 + _MAX_LABELS:
        return False
    height, width = graph.input[2:]
    counts = {sum((height // step) * (width // step) for step in steps) for steps in _STRIDE_SETS}
    return not anchors or not (height and width) or anchors in counts


def _detector(graph: _Graph, metadata: ExportMetadata, decoder: Decoder) -> ModelCard:
    channels, height, width = graph.input[1:]
    dynamic = not (height or width)
    stride = metadata.stride or 32
    nominal_h, nominal_w = metadata.size_hw or (640, 640)
    labels = metadata.labels
    if decoder is Decoder.YOLO and not labels:
        labels = _numbered(graph.output[1] - 4)
    return ModelCard(
        task=Task.DETECT,
        decoder=decoder,
        labels=labels,
        input=InputSpec(
            height=_round_up(nominal_h, stride) if dynamic else height or nominal_h,
            width=_round_up(nominal_w, stride) if dynamic else width or nominal_w,
            dynamic=dynamic,
            stride=stride,
            colour="gray" if channels == 1 else "rgb",
        ),
        description=_description(metadata, "letterboxed RGB in 0..1"),
    )


def _classifier(graph: _Graph, metadata: ExportMetadata, decoder: Decoder) -> ModelCard:
    channels, height, width = graph.input[1:]
    nominal_h, nominal_w = metadata.size_hw or (224, 224)
    count = graph.output[1] or len(metadata.labels)
    if not count:
        raise UnsupportedOutputs(f"expected (1, labels) with a known number of labels, found {graph.said}")
    normalised = channels != 1 and not metadata.from_exporter
    return ModelCard(
        task=Task.CLASSIFY,
        decoder=decoder,
        labels=metadata.labels or _numbered(count),
        input=InputSpec(
            height=height or nominal_h,
            width=width or nominal_w,
            colour="gray" if channels == 1 else "rgb",
            resize="center-crop",
            mean=_IMAGENET_MEAN if normalised else (),
            std=_IMAGENET_STD if normalised else (),
        ),
        description=_description(
            metadata, "a centre crop of RGB, with ImageNet's mean and deviation where it has colour"
        ),
    )


def _numbered(count: int) -> tuple[str, ...]:
    if not 0 < count <= _MAX_LABELS:
        raise UnsupportedOutputs(f"the output has {count} classes; 1 to {_MAX_LABELS} are served")
    return tuple(f"class {index}" for index in range(count))


def _round_up(size: int, stride: int) -> int:
    return -(-size // stride) * stride


def _description(metadata: ExportMetadata, assumed: str) -> str:
    if metadata.from_exporter:
        return "Card read from the metadata of the ONNX file."
    return f"Card derived from the shapes of the ONNX graph. Assumed, please check: {assumed}."
