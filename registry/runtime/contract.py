"""Whether a graph does what its card says, found out before the first image."""

from math import prod

from registry.errors import InvalidCard, InvalidModel, UnsupportedOutputs
from registry.runtime.card import WITH_BOXES, Decoder, ModelCard, Task
from registry.runtime.graph_session import FLOAT_TYPES, GraphSession, TensorSpec

_CARD_HINT = "Correct the card, or export the model anew; docs/models.md describes the fields of a card."
_TASKS = {
    Decoder.YOLO: WITH_BOXES,
    Decoder.YOLO_NMS: WITH_BOXES,
    Decoder.YOLO_OBB: frozenset({Task.DETECT}),
    Decoder.YOLO_OBB_NMS: frozenset({Task.DETECT}),
    Decoder.YUNET: frozenset({Task.POSE}),
    Decoder.LOGITS: frozenset({Task.CLASSIFY}),
    Decoder.PROBABILITIES: frozenset({Task.CLASSIFY}),
    Decoder.EMBEDDING: frozenset({Task.EMBED}),
    Decoder.RAPIDOCR: frozenset({Task.OCR}),
    Decoder.SAM: frozenset({Task.PROMPT}),
}


def check_task(card: ModelCard) -> None:
    """Raises InvalidCard when the decoder cannot answer the task."""
    answered = _TASKS[card.decoder]
    if card.task not in answered:
        tasks = ", ".join(sorted(answered))
        raise InvalidCard(f"decoder {card.decoder} answers task {tasks}; the card says {card.task}")


def check_contract(session: GraphSession, card: ModelCard) -> None:
    """Compare the graph's declared input and outputs with the card; sizes that are free in the graph fit anything.

    Raises:
        InvalidCard: the decoder cannot answer the task.
        InvalidModel: the input does not fit, saying what was found.
        UnsupportedOutputs: the outputs do not fit the decoder or the labels, likewise.
    """
    check_task(card)
    _check_input(session.input, card)
    if not _outputs_fit(session.outputs, card):
        found = "; ".join(str(each) for each in session.outputs)
        named = f", with the card's {len(card.labels)} labels" if card.labels else ""
        raise UnsupportedOutputs(
            f"decoder {card.decoder} reads {layout(card)}{named}; the graph answers {len(session.outputs)}: {found}"
        )


def layout(card: ModelCard) -> str:
    """The output that the card's decoder reads for its task, in words."""
    if card.decoder in (Decoder.LOGITS, Decoder.PROBABILITIES):
        return "one float tensor (1, labels)"
    if card.decoder is Decoder.EMBEDDING:
        return "one float tensor (1, d)"
    if card.decoder is Decoder.YUNET:
        return "twelve float tensors (1, cells, n) with n of 1, 1, 4 and 10 for each of three strides"
    if card.decoder is Decoder.YOLO_OBB:
        return "one float tensor (1, 4 + labels + 1, anchors)"
    if card.decoder is Decoder.YOLO_OBB_NMS:
        return "one float tensor (1, n, 7)"
    points = f" + {prod(card.keypoint_shape)}" if card.keypoint_shape else ""
    extras = " + m" if card.task is Task.SEGMENT else points
    boxes = f"(1, 4 + labels{extras}, anchors)" if card.decoder is Decoder.YOLO else f"(1, n, 6{extras})"
    if card.task is Task.SEGMENT:
        return f"two float tensors {boxes} and (1, m, h, w)"
    return f"one float tensor {boxes}"


def _check_input(found: TensorSpec, card: ModelCard) -> None:
    spec = card.input
    wanted = f"(1, {spec.channels}, {spec.height}, {spec.width})"
    if found.fixed(0) not in (None, 1):
        raise InvalidModel(
            f"the graph takes batches of {found.fixed(0)} only: {found}", hint="Export it with a batch of 1."
        )
    if found.fixed(1) not in (None, spec.channels):
        if found.fixed(3) == spec.channels:
            raise InvalidModel(
                f"the graph takes channels last: {found}", hint=f"Export it with channels first, {wanted}."
            )
        raise InvalidModel(
            f"the card says {spec.colour} input, {spec.channels} channels; the graph has {found}", hint=_CARD_HINT
        )
    sides = (found.fixed(2), found.fixed(3))
    if spec.dynamic and sides != (None, None):
        raise InvalidModel(f"the card says dynamic input; the graph fixes it: {found}", hint=_CARD_HINT)
    if any(side not in (None, size) for side, size in zip(sides, (spec.height, spec.width), strict=True)):
        raise InvalidModel(f"the card says {wanted}; the graph has {found}", hint=_CARD_HINT)


def _outputs_fit(outputs: tuple[TensorSpec, ...], card: ModelCard) -> bool:
    """Whether count, element type, rank and every fixed size of the outputs are what the decoder reads."""
    if any(each.kind not in FLOAT_TYPES for each in outputs):
        return False
    if card.decoder is Decoder.YUNET:
        return len(outputs) == 12 and all(_fits(each, (3,), {0: 1}) for each in outputs)
    if len(outputs) != (2 if card.task is Task.SEGMENT else 1):
        return False
    first = outputs[0]
    if card.task not in WITH_BOXES:
        columns = len(card.labels) if card.task is Task.CLASSIFY and card.labels else None
        return _fits(first, (2, 3, 4), {0: 1, 1: columns, 2: 1, 3: 1})
    extras: int | None = card.values_beside_box
    if card.task is Task.SEGMENT:
        if not _fits(outputs[1], (4,), {0: 1}):
            return False
        extras = outputs[1].fixed(1) if outputs[1].shape else None
    if card.decoder in (Decoder.YOLO_NMS, Decoder.YOLO_OBB_NMS):
        return _fits(first, (3,), {0: 1, 2: None if extras is None else 6 + extras})
    rows = 4 + len(card.labels) + extras if card.labels and extras is not None else None
    return _fits(first, (3,), {0: 1, 1: rows})


def _fits(found: TensorSpec, ranks: tuple[int, ...], sizes: dict[int, int | None]) -> bool:
    """Whether a tensor has one of the ranks and these sizes by axis; what either side leaves open fits."""
    if not found.shape:  # the graph leaves even the rank open: the decoder checks each answer
        return True
    if len(found.shape) not in ranks:
        return False
    named = ((axis, size) for axis, size in sizes.items() if axis < len(found.shape) and size is not None)
    return all(found.fixed(axis) in (None, size) for axis, size in named)
