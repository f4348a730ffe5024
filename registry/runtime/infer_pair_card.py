"""A card for a pair of ONNX files that came without one."""

from collections.abc import Mapping

import onnx

from registry.errors import InvalidCard
from registry.runtime.card import Decoder, InputSpec, ModelCard, Task
from registry.runtime.graph_check import check_graph
from registry.runtime.infer_card import IMAGENET_MEAN, IMAGENET_STD
from registry.runtime.prompt_segmenter import ENCODER


def infer_pair_card(files: Mapping[str, bytes]) -> ModelCard:
    """Text detector and recogniser need no more than their names; an encoder says the size of its image.

    One that takes channels first gets ImageNet's mean and deviation, as Segment Anything's; one that takes them last
    normalises by itself. Raises InvalidCard when the encoder leaves its size open.
    """
    if ENCODER not in files:
        return ModelCard(task=Task.OCR, decoder=Decoder.RAPIDOCR)
    model = check_graph(files[ENCODER])
    weights = {tensor.name for tensor in model.graph.initializer}
    shape = next(
        (
            [_size(dim) for dim in each.type.tensor_type.shape.dim]
            for each in model.graph.input
            if each.name not in weights
        ),
        [],
    )
    last = len(shape) == 3
    height, width = (shape[:2] if last else shape[2:4]) or (0, 0)
    if len(shape) not in (3, 4) or not (height and width):
        raise InvalidCard(
            f"{ENCODER} does not say the size of its image", hint="Give a card with input.height and input.width."
        )
    spec = (
        InputSpec(height=height, width=width, scale=1.0)
        if last
        else InputSpec(height=height, width=width, mean=IMAGENET_MEAN, std=IMAGENET_STD)
    )
    assumed = "an RGB image of 0..255 at the upper left" if last else "RGB with ImageNet's mean and deviation"
    return ModelCard(
        task=Task.PROMPT,
        decoder=Decoder.SAM,
        input=spec,
        description=f"Card derived from the encoder's input. Assumed, please check: {assumed}.",
    )


def _size(dim: onnx.TensorShapeProto.Dimension) -> int:
    return int(dim.dim_value)
