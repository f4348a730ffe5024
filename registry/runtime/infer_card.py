"""A card for a model that came without one, read from its ONNX metadata, input and output."""

from dataclasses import dataclass
from math import prod

import onnx
from pydantic import ValidationError

from registry.errors import InvalidModel, UnsupportedOutputs
from registry.runtime.card import Decoder, InputSpec, ModelCard, Task
from registry.runtime.graph_check import check_graph
from registry.runtime.onnx_metadata import ExportMetadata, read_metadata
from registry.validation import first_problem

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_STRIDE_SETS = ((8, 16, 32), (8, 16, 32, 64), (16, 32), (8,), (16,), (32,))
_MAX_LABELS = 20_000
_SUPPORTED = "(1, 4 + labels, anchors), (1, n, 6) or (1, labels), or boxes with prototypes (1, m, h, w)"
_OBB = "obb"  # how Ultralytics calls detection with oriented boxes
_SERVED = ("", Task.DETECT, Task.SEGMENT, Task.POSE, Task.CLASSIFY, _OBB)
_PASS_THROUGH = frozenset({"Cast", "Flatten", "Identity", "Reshape", "Squeeze"})


@dataclass(frozen=True, slots=True)
class _Graph:
    """Input and outputs of a graph as declared; a size of 0 is free, `prototypes` is empty where there are none."""

    input: tuple[int, ...]
    output: tuple[int, ...]
    prototypes: tuple[int, ...]
    last_operator: str

    @property
    def said(self) -> str:
        """The output's shape as a message shows it."""
        return "(" + ", ".join(str(size or "?") for size in self.output) + ")"


def infer_card(model_bytes: bytes) -> ModelCard:
    """Derive task, decoder, labels and input from ONNX bytes; `description` says what was assumed.

    Ultralytics writes labels, stride, size, task and the shape of key points into its exports. Without them a
    three-dimensional output is taken as a detector's when its anchors fit the input, with prototypes beside it as a
    segmenter's, a two-dimensional one as a classifier's with ImageNet normalisation; labels are then "class 0",
    "class 1" and so on. Pose models without metadata, embedders and Segment Anything need a card of their own.

    Raises:
        InvalidModel: the graph is refused or takes no single image.
        UnsupportedOutputs: no decoder fits, saying what was found.
    """
    model = check_graph(model_bytes)
    metadata = read_metadata(model)
    graph = _describe(model)
    if metadata.task not in _SERVED:
        raise UnsupportedOutputs(
            f"the model's metadata says task {metadata.task[:40]!r}; {', '.join(_SERVED[1:])} are served",
            hint="A model of another task needs a card that says how it is read.",
        )
    decoder = _decoder(graph, metadata)
    make = _class_card if decoder in (Decoder.PROBABILITIES, Decoder.LOGITS) else _box_card
    try:
        return make(graph, metadata, decoder)
    except ValidationError as error:
        first = first_problem(error, "metadata")
        raise InvalidModel(f"the model's {first.field} makes no card: {first.message}") from error


def _describe(model: onnx.ModelProto) -> _Graph:
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    if len(inputs) != 1 or len(inputs[0].type.tensor_type.shape.dim) != 4:
        raise InvalidModel(f"expected one image input (1, channels, height, width), found {len(inputs)} inputs")
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph.output
    shapes = [_sizes(value) for value in inferred]
    if len(shapes) != 1 and [len(shape) for shape in shapes] != [3, 4]:
        names = ", ".join(value.name[:40] for value in inferred[:6])
        raise UnsupportedOutputs(f"expected one output {_SUPPORTED}; found {len(shapes)}: {names}")
    return _Graph(_sizes(inputs[0]), shapes[0], shapes[1] if len(shapes) > 1 else (), _last_operator(model))


def _last_operator(model: onnx.ModelProto) -> str:
    """The operator that makes the first output, looking through those that only change its form."""
    makers = {name: node for node in model.graph.node for name in node.output}
    last = makers.get(model.graph.output[0].name)
    while last is not None and last.op_type in _PASS_THROUGH and last.input:
        last = makers.get(last.input[0])
    return last.op_type if last is not None else ""


def _sizes(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    return tuple(int(dim.dim_value) for dim in value.type.tensor_type.shape.dim)


def _decoder(graph: _Graph, metadata: ExportMetadata) -> Decoder:
    output = graph.output
    if len(output) == 2 or (len(output) == 4 and output[2:] == (1, 1)):
        return Decoder.PROBABILITIES if graph.last_operator in ("Softmax", "Sigmoid") else Decoder.LOGITS
    extras = _extras(graph, metadata)
    is_oriented = metadata.task == _OBB
    if len(output) == 3 and not metadata.suppressed and _is_yolo(graph, metadata, extras):
        return Decoder.YOLO_OBB if is_oriented else Decoder.YOLO
    if len(output) == 3 and output[2] == 6 + extras:
        return Decoder.YOLO_OBB_NMS if is_oriented else Decoder.YOLO_NMS
    hint = ""
    if len(output) == 3 and output[2] > 6:
        hint = "This looks like YOLOv5's or a transformer's layout: export with built-in suppression (nms=True)."
    raise UnsupportedOutputs(f"expected an output {_SUPPORTED}, found {graph.said}", hint=hint)


def _task(graph: _Graph, metadata: ExportMetadata) -> Task:
    """What a graph with boxes answers. Raises UnsupportedOutputs when its metadata says otherwise than its outputs."""
    found = Task.SEGMENT if graph.prototypes else Task.POSE if metadata.task == Task.POSE else Task.DETECT
    said = Task.DETECT if metadata.task == _OBB else metadata.task
    if said not in ("", found) or (found is Task.POSE and metadata.keypoint_shape is None):
        raise UnsupportedOutputs(f"the model's metadata says task {metadata.task}; its outputs are not those of one")
    return found


def _extras(graph: _Graph, metadata: ExportMetadata) -> int:
    """How many values an object has beyond its box and classes: mask coefficients, key points or an angle."""
    if graph.prototypes:
        return graph.prototypes[1]
    if metadata.task == _OBB:
        return 1
    return prod(metadata.keypoint_shape) if metadata.task == Task.POSE and metadata.keypoint_shape else 0


def _is_yolo(graph: _Graph, metadata: ExportMetadata, extras: int) -> bool:
    """Whether there are 4 rows more than labels and extras and, labels unknown, as many anchors as grid cells."""
    rows, anchors = graph.output[1] - extras, graph.output[2]
    if metadata.labels:
        return rows == 4 + len(metadata.labels)
    if not 5 <= rows <= 4 + _MAX_LABELS:
        return False
    height, width = graph.input[2:]
    counts = {sum((height // step) * (width // step) for step in steps) for steps in _STRIDE_SETS}
    return not anchors or not (height and width) or anchors in counts


def _box_card(graph: _Graph, metadata: ExportMetadata, decoder: Decoder) -> ModelCard:
    channels, height, width = graph.input[1:]
    dynamic = not (height or width)
    stride = metadata.stride or 32
    nominal_h, nominal_w = metadata.size_hw or (640, 640)
    labels = metadata.labels
    if decoder in (Decoder.YOLO, Decoder.YOLO_OBB) and not labels:
        labels = _numbered(graph.output[1] - 4 - _extras(graph, metadata))
    task = _task(graph, metadata)
    return ModelCard(
        task=task,
        decoder=decoder,
        labels=labels,
        keypoint_shape=metadata.keypoint_shape if task is Task.POSE else None,
        input=InputSpec(
            height=_round_up(nominal_h, stride) if dynamic else height or nominal_h,
            width=_round_up(nominal_w, stride) if dynamic else width or nominal_w,
            dynamic=dynamic,
            stride=stride,
            colour="gray" if channels == 1 else "rgb",
        ),
        description=_description(metadata, "letterboxed RGB in 0..1"),
    )


def _class_card(graph: _Graph, metadata: ExportMetadata, decoder: Decoder) -> ModelCard:
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
            mean=IMAGENET_MEAN if normalised else (),
            std=IMAGENET_STD if normalised else (),
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
    unread = f" Not readable in its metadata: {', '.join(metadata.unread)}." if metadata.unread else ""
    if metadata.from_exporter:
        return f"Card read from the metadata of the ONNX file.{unread}"
    return f"Card derived from the shapes of the ONNX graph. Assumed, please check: {assumed}.{unread}"
