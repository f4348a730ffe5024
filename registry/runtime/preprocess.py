"""A source image to the input tensor that a card's InputSpec asks for."""

from registry.runtime.card import InputSpec
from registry.vision.images import ImageBgr
from registry.vision.letterbox import Placement, center_crop, letterbox, stretch
from registry.vision.tensor import Tensor, to_tensor


def preprocess(image_bgr: ImageBgr, spec: InputSpec, *, enlarge: bool = True) -> tuple[Tensor, Placement]:
    """(h, w, 3) uint8 BGR to a new (1, channels, height, width) float32 and where the image lies in it.

    A letterboxed image for a dynamic input is padded to the next multiple of the stride only; every other input
    has exactly the card's size. Without `enlarge`, a small image for such an input keeps its own pixels.
    """
    size_wh = (spec.width, spec.height)
    if not enlarge and spec.dynamic and spec.resize == "letterbox":
        height, width = image_bgr.shape[:2]
        size_wh = (min(spec.width, _up(width, spec.stride)), min(spec.height, _up(height, spec.stride)))
    if spec.resize == "letterbox":
        fitted, placement = letterbox(image_bgr, size_wh, spec.stride if spec.dynamic else None, spec.pad_value)
    elif spec.resize == "stretch":
        fitted, placement = stretch(image_bgr, size_wh)
    else:
        fitted, placement = center_crop(image_bgr, size_wh)
    return to_tensor(fitted, spec.scale, spec.mean, spec.std, spec.colour), placement


def _up(side: int, stride: int) -> int:
    return -(-side // stride) * stride
