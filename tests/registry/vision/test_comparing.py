"""Two answers in one picture: each in its colour, both in a third."""

import numpy as np
import pytest

from registry.vision.comparing import FIRST, SAME, SECOND, draw_both

NONE = np.empty((0, 4), np.float32)


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def boxes(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32)


def test_each_box_has_the_colour_of_who_found_it() -> None:
    image = np.full((480, 640, 3), 128, np.uint8)
    one, two = (boxes((300, 300, 360, 400)), ["first 90%"]), (boxes((500, 300, 560, 400)), ["second 80%"])
    drawn = draw_both(image, boxes((100, 300, 160, 400)), one, two)
    assert [tuple(drawn[390, x]) for x in (100, 300, 500)] == [rgb(SAME), rgb(FIRST), rgb(SECOND)]
    assert drawn.shape == image.shape
    assert (image == 128).all(), "the source is not touched"


@pytest.mark.parametrize("size", [(1, 1), (32, 24), (2000, 3000)])
def test_nothing_found_leaves_the_picture_as_it_is(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 128, np.uint8)
    drawn = draw_both(image, NONE, (NONE, []), (NONE, []))
    assert (drawn == 128).all()
