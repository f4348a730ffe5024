"""Which size an image has in the network."""

import numpy as np
import pytest

from registry.runtime.card import InputSpec
from registry.runtime.preprocess import preprocess

FREE = InputSpec(height=640, width=640, dynamic=True, stride=32)


@pytest.mark.parametrize(
    ("size_hw", "dynamic", "enlarge", "network_hw"),
    [
        ((192, 192), True, False, (192, 192)),  # a part of a frame costs what it is
        ((360, 640), True, False, (384, 640)),  # the frame itself
        ((720, 1280), True, False, (384, 640)),  # large ones shrink as ever
        ((100, 70), True, False, (128, 96)),  # no more than to the next multiple of the stride
        ((192, 192), True, True, (640, 640)),
        ((192, 192), False, False, (640, 640)),  # it takes no other size
    ],
)
def test_a_small_image_is_enlarged_only_where_it_has_to_be(
    size_hw: tuple[int, int], dynamic: bool, enlarge: bool, network_hw: tuple[int, int]
) -> None:
    spec = FREE.model_copy(update={"dynamic": dynamic})
    tensor, placement = preprocess(np.zeros((*size_hw, 3), np.uint8), spec, enlarge=enlarge)
    assert tensor.shape[2:] == network_hw
    assert placement.network_wh == network_hw[::-1]
