"""Run lengths of a crop are those of the whole image."""

import numpy as np
import pytest
import supervision as sv
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.vision.runs import coco_rle


def whole(crop: np.ndarray, offset_xy: tuple[int, int], image_hw: tuple[int, int]) -> np.ndarray:
    image = np.zeros(image_hw, bool)
    x, y = offset_xy
    image[y : y + crop.shape[0], x : x + crop.shape[1]] = crop
    return image


CASES = [
    (np.ones((2, 2), bool), (1, 1), (4, 4), [5, 2, 2, 2, 5], "a square in the middle"),
    (np.ones((4, 4), bool), (0, 0), (4, 4), [0, 16], "everything: one run through all columns"),
    (np.ones((3, 1), bool), (0, 0), (3, 2), [0, 3, 3], "the first column"),
    (np.ones((3, 1), bool), (1, 0), (3, 2), [3, 3], "the last column: nothing follows"),
    (np.zeros((2, 2), bool), (1, 1), (4, 4), [16], "nothing"),
    (np.zeros((0, 0), bool), (3, 3), (4, 4), [16], "no crop at all"),
]


@pytest.mark.parametrize(("crop", "offset", "size", "counts", "why"), CASES, ids=[row[4] for row in CASES])
def test_known_runs(crop, offset, size, counts, why):
    assert coco_rle(crop, offset, size) == {"size": list(size), "counts": counts}


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**20), height=st.integers(1, 12), width=st.integers(1, 12), share=st.floats(0, 1))
def test_any_crop_gives_the_runs_of_the_image_it_lies_in(seed, height, width, share):
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(1, height + 1), rng.integers(1, width + 1)
    offset = int(rng.integers(0, width - columns + 1)), int(rng.integers(0, height - rows + 1))
    crop = rng.random((rows, columns)) < share
    image = whole(crop, offset, (height, width))
    assert coco_rle(crop, offset, (height, width))["counts"] == sv.mask_to_rle(image)
