"""Whether a graph does what its card says, found out before the first image."""

from registry.errors import InvalidCard, InvalidModel, UnsupportedOutputs
from registry.runtime.card import Decoder, ModelCard, Task
from registry.runtime.onnx_session import OnnxSession, TensorSpec

LAYOUTS = {
    Decoder.YOLO: "(1, 4 + labels, anchors)",
    Decoder.YOLO_NMS: "(1, n, 6)",
    Decoder.LOGITS: "(1, labels)",
    Decoder.PROBABILITIES: "(1, labels)",
}
_TASKS = {
    Decoder.YOLO: Task.DETECT,
    Decoder.YOLO_NMS: Task.DETECT,
    Decoder.LOGITS: Task.CLASSIFY,
    Decoder.PROBABILITIES: Task.CLASSIFY,
    Decoder.RAPIDOCR: Task.OCR,
}


def check_task(card: ModelCard) -> None:
    """Raises InvalidCard when the decoder cannot answer the task."""
    if _TASKS[card.decoder] is not card.task:
        raise InvalidCard(f"decoder {card.decoder} answers task {_TASKS[card.decoder]}, the card says {card.task}")


def check_contract(session: OnnxSession, card: ModelCard) -> None:
    """Compare the graph's declared input and outputs with the card; sizes that are free in the graph fit anything.

    Raises:
        InvalidCard: the decoder cannot answer the task.
        InvalidModel: the input does not fit, saying what was found.
        UnsupportedOutputs: the outputs do not fit the decoder or the labels, likewise.
    """
    check_task(card)
    _check_input(session.input, card)
    _check_outputs(session.outputs, card)


def _check_input(found: TensorSpec, card: ModelCard) -> None:
    spec = card.input
    wanted = f"(1, {spec.channels}, {spec.height}, {spec.width})"
    if found.fixed(0) not in (None, 1):
        raise InvalidModel(f"the graph takes batches of {found.fixed(0)} only: {found}; export it with batch 1")
    if found.fixed(1) not in (None, spec.channels):
        if found.fixed(3) == spec.channels:
            raise InvalidModel(f"the graph takes channels last: {found}; export it with channels first, {wanted}")
        raise InvalidModel(f"the card says {spec.colour} input, {spec.channels} channels; the graph has {found}")
    sides = (found.fixed(2), found.fixed(3))
    if spec.dynamic and sides != (None, None):
        raise InvalidModel(f"the card says dynamic input; the graph fixes it: {found}")
    if any(side not in (None, size) for side, size in zip(sides, (spec.height, spec.width), strict=True)):
        raise InvalidModel(f"the card says {wanted}; the graph has {found}")


def _check_outputs(outputs: tuple[TensorSpec, ...], card: ModelCard) -> None:
    found = "; ".join(str(each) for each in outputs)
    wanted = f"decoder {card.decoder} reads one float tensor {LAYOUTS[card.decoder]}"
    if len(outputs) != 1 or outputs[0].kind not in ("tensor(float)", "tensor(float16)"):
        raise UnsupportedOutputs(f"{wanted}; the graph answers {len(outputs)}: {found}")
    output = outputs[0]
    if not output.shape:  # the graph leaves even the rank open: the decoder checks each answer
        return
    ranks = (3,) if card.task is Task.DETECT else (2, 3, 4)
    if len(output.shape) not in ranks or output.fixed(0) not in (None, 1):
        raise UnsupportedOutputs(f"{wanted}; the graph answers {found}")
    if card.decoder is Decoder.YOLO_NMS:
        if output.fixed(2) not in (None, 6):
            raise UnsupportedOutputs(f"{wanted}; the graph answers {found}")
        return
    rows = output.fixed(1)
    labels = len(card.labels) + (4 if card.decoder is Decoder.YOLO else 0)
    if rows is not None and card.labels and rows != labels:
        raise UnsupportedOutputs(f"{wanted}, {labels} with the card's {len(card.labels)} labels; it answers {found}")
