"""The forms of a model that may be faster: another input, a fixed input, 8-bit integers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import onnx

from registry.errors import InvalidModel
from registry.runtime.card import ModelCard
from registry.runtime.graph_check import check_graph
from registry.runtime.preprocess import preprocess
from registry.training.scene_folder import LabelledImage
from registry.tuning.quantise import head_of, nncf_installed, quantise, quantise_for_openvino
from registry.vision.tensor import Tensor

SHARES = (5 / 6, 2 / 3, 1 / 2)  # of the input's sides
INT8, INT8_OPENVINO = "int8", "int8 (NNCF)"


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """A graph with its card. `numbers` says what it computes in, `is_new` that it is not the version's own."""

    model_bytes: bytes
    card: ModelCard
    numbers: str = "fp32"
    is_new: bool = True

    @property
    def shape(self) -> str:
        """Its input in words."""
        spec = self.card.input
        return f"{spec.width}×{spec.height}" + (" dynamic" if spec.dynamic else "")

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return f"{self.numbers} {self.shape}"


def fixed(variant: Variant) -> Iterator[Variant]:
    """The same with its input fixed to the nominal size, which lets a runtime plan ahead. Pictures are padded to it."""
    from onnxruntime.tools.onnx_model_utils import make_input_shape_fixed

    spec = variant.card.input
    if not spec.dynamic:
        return
    model = onnx.load_model_from_string(variant.model_bytes)
    make_input_shape_fixed(model.graph, model.graph.input[0].name, [1, spec.channels, spec.height, spec.width])
    card = _with_input(variant.card, (spec.height, spec.width), dynamic=False)
    yield Variant(bytes(model.SerializeToString()), card, variant.numbers)


def smaller(variant: Variant) -> Iterator[Variant]:
    """The same graph with smaller inputs, the largest first, where its input is free."""
    for size_hw in _smaller(variant.card) if variant.card.input.dynamic else ():
        yield Variant(variant.model_bytes, _with_input(variant.card, size_hw, dynamic=True), variant.numbers)


def integers(own: Variant, images: Sequence[LabelledImage], *, whole: bool) -> Variant:
    """The network in 8-bit integers, or all of it but the head. Raises InvalidModel."""
    head = "" if whole else head_of(own.model_bytes)
    made = quantise(own.model_bytes, calibration(own.card, images), head)
    check_graph(made)
    return Variant(made, own.card, f"{INT8} but the head" if head else INT8)


def has_head(own: Variant) -> bool:
    """Whether there is a head to leave in floating point."""
    return bool(head_of(own.model_bytes))


def integers_for_openvino(own: Variant, images: Sequence[LabelledImage]) -> Variant | None:
    """The network in 8-bit integers as OpenVINO likes them; None where NNCF is not installed. Raises InvalidModel."""
    if not nncf_installed():
        return None
    made = quantise_for_openvino(own.model_bytes, calibration(own.card, images), head_of(own.model_bytes))
    check_graph(made)
    return Variant(made, own.card, INT8_OPENVINO)


def calibration(card: ModelCard, images: Sequence[LabelledImage]) -> list[Tensor]:
    """The pictures as the network gets them. Raises InvalidModel without any."""
    if not images:
        raise InvalidModel("there are no pictures to calibrate with")
    return [preprocess(image.image_bgr, card.input)[0] for image in images]


def _smaller(card: ModelCard) -> list[tuple[int, int]]:
    spec, found = card.input, list[tuple[int, int]]()
    for share in SHARES:
        height, width = (
            max(spec.stride, round(side * share / spec.stride) * spec.stride) for side in (spec.height, spec.width)
        )
        if (height, width) != (spec.height, spec.width) and (height, width) not in found:
            found.append((height, width))
    return found


def _with_input(card: ModelCard, size_hw: tuple[int, int], *, dynamic: bool) -> ModelCard:
    spec = card.input.model_copy(update={"height": size_hw[0], "width": size_hw[1], "dynamic": dynamic})
    return card.model_copy(update={"input": spec})
