"""Letterbox, stretch and crop: the reference's pixels, and boxes that find their way back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.vision.letterbox import center_crop, letterbox, stretch

sides = st.integers(1, 1500)


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(width * 7919 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(max_examples=60, deadline=None)
@given(width=sides, height=sides, size_wh=st.sampled_from([(640, 640), (640, 384), (96, 128)]), fixed=st.booleans())
def test_letterbox_gives_the_references_pixels(width, height, size_wh, fixed):
    augment = pytest.importorskip("ultralytics.data.augment")
    image = noise(width, height)
    reference = augment.LetterBox(size_wh[::-1], auto=not fixed, stride=32)(image=image)
    ours, placement = letterbox(image, size_wh, None if fixed else 32)
    assert np.array_equal(ours, reference)
    assert placement.network_wh == ours.shape[1::-1]


@settings(max_examples=40, deadline=None)
@given(width=st.integers(20, 900), height=st.integers(20, 900), side=st.sampled_from([32, 96, 224]))
def test_center_crop_gives_torchvisions_pixels(width, height, side):
    transforms = pytest.importorskip("torchvision.transforms")
    from PIL import Image

    image = noise(width, height)
    reference = transforms.Compose([transforms.Resize(side), transforms.CenterCrop(side)])(Image.fromarray(image))
    ours, _ = center_crop(image, (side, side))
    difference = np.abs(ours.astype(int) - np.asarray(reference))
    assert difference.max() <= 1, "one step of 8-bit rounding at most"


@settings(max_examples=100, deadline=None)
@given(width=sides, height=sides, fit=st.sampled_from(["fixed", "rectangular", "stretch", "crop"]), data=st.data())
def test_boxes_come_back_to_where_they_were(width, height, fit, data):
    """Within a hundredth of a pixel of the source, whatever the way into the network's pixels."""
    image = np.zeros((height, width, 3), np.uint8)
    _, placement = {
        "fixed": lambda: letterbox(image, (320, 320)),
        "rectangular": lambda: letterbox(image, (320, 320), 32),
        "stretch": lambda: stretch(image, (320, 192)),
        "crop": lambda: center_crop(image, (64, 64)),
    }[fit]()
    unit = st.floats(0, 1, width=32)
    box = np.array([[data.draw(unit) for _ in range(4)]], np.float32) * np.float32([width, height, width, height])
    there_and_back = placement.to_source(placement.to_network(box))
    assert there_and_back == pytest.approx(box, abs=0.01 + 1e-5 * max(width, height))


def test_boxes_outside_the_image_are_clipped_to_it():
    _, placement = letterbox(np.zeros((100, 200, 3), np.uint8), (640, 640))
    assert placement.to_source(np.array([[-50.0, -50.0, 900.0, 900.0]])).tolist() == [[0, 0, 200, 100]]


def test_mapping_back_copies():
    boxes = np.array([[10, 20, 30, 40]], np.float32)
    _, placement = letterbox(np.zeros((100, 200, 3), np.uint8), (640, 640))
    placement.to_source(boxes)
    assert boxes.tolist() == [[10, 20, 30, 40]]


@pytest.mark.parametrize("shape", [(32_768, 1), (1, 32_768), (1, 1), (2, 5000)])
@pytest.mark.parametrize("fit", ["fixed", "rectangular", "stretch", "crop"])
def test_a_very_thin_image_costs_no_more_than_the_networks_input(shape, fit):
    image = np.zeros((*shape, 3), np.uint8)
    fitted, placement = {
        "fixed": lambda: letterbox(image, (640, 640)),
        "rectangular": lambda: letterbox(image, (640, 640), 32),
        "stretch": lambda: stretch(image, (640, 640)),
        "crop": lambda: center_crop(image, (224, 224)),
    }[fit]()
    assert max(fitted.shape) <= 640
    assert np.isfinite(placement.to_source(np.array([[0.0, 0.0, 640.0, 640.0]]))).all()
