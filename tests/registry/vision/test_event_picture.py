"""A snapshot with box and path: drawn where they are, on a picture large enough to be read."""

import numpy as np
import pytest

from registry.errors import InvalidImage
from registry.vision.encoding import encode_png
from registry.vision.event_picture import draw_event
from registry.vision.images import decode_image

GRAY = encode_png(np.full((180, 320, 3), 90, np.uint8))


def changed(drawn: bytes) -> np.ndarray:
    return np.abs(decode_image(drawn).astype(int) - 90).max(axis=2) > 40


def test_box_and_path_are_drawn_in_their_places() -> None:
    seen = changed(draw_event(GRAY, [0.5, 0.5, 0.75, 0.75], "person 90 %", [(0.1, 0.9), (0.4, 0.9)]))
    height, width = seen.shape
    assert (height, width) == (540, 960)
    assert seen[int(height * 0.6), round(width * 0.5)]  # the left edge of the box
    assert seen[int(height * 0.9), int(width * 0.25)]  # the middle of the way
    assert not seen[: height // 3, : width // 3].any()


def test_without_box_and_path_the_picture_is_as_it_was() -> None:
    assert not changed(draw_event(GRAY, None, "", [(0.5, 0.5)])).any()


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(InvalidImage):
        draw_event(b"no", None, "", [])
