"""Pixels to tensor: exact values, channel order, memory layout."""

import numpy as np
import pytest

from registry.vision.tensor import to_tensor

IMAGE = np.random.default_rng(3).integers(0, 256, (12, 20, 3), dtype=np.uint8)


def test_the_tensor_is_rgb_channels_first_in_0_to_1_by_default():
    expected = (IMAGE[..., ::-1].transpose(2, 0, 1)[None] / 255).astype(np.float32)
    tensor = to_tensor(IMAGE)
    assert np.array_equal(tensor, expected)
    assert tensor.flags.c_contiguous
    assert tensor.dtype == np.float32


def test_bgr_keeps_the_order():
    assert np.array_equal(to_tensor(IMAGE, colour="bgr")[0, ::-1], to_tensor(IMAGE)[0])


def test_mean_and_std_are_taken_in_the_order_of_the_colours():
    tensor = to_tensor(IMAGE, mean=(0.1, 0.2, 0.3), std=(0.5, 1.0, 2.0))
    for channel, (mean, std) in enumerate(((0.1, 0.5), (0.2, 1.0), (0.3, 2.0))):
        assert tensor[0, channel] == pytest.approx((IMAGE[..., 2 - channel] / 255 - mean) / std, abs=1e-6)


def test_gray_has_one_channel():
    gray = np.full((4, 4, 3), 51, np.uint8)
    assert to_tensor(gray, colour="gray").tolist() == [[[[pytest.approx(0.2)] * 4] * 4]]


def test_two_calls_share_no_memory():
    first, second = to_tensor(IMAGE), to_tensor(IMAGE)
    assert not np.shares_memory(first, second)


def test_an_image_that_is_a_view_gives_the_same_tensor():
    assert np.array_equal(to_tensor(IMAGE[2:8, 3:15]), to_tensor(IMAGE[2:8, 3:15].copy()))
