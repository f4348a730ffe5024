"""The pictures that next versions are tried on: one for each model, within a bound of all."""

import cv2
import numpy as np

from registry.models.last_inputs import KEPT_BYTES, LastInputs

EVERY = 1 << 40


def picture(kibibytes: int) -> np.ndarray:
    return np.zeros((kibibytes, 1_024), np.uint8)


def test_the_newest_picture_of_a_model_takes_the_place_of_the_one_before() -> None:
    kept = LastInputs(lambda: EVERY, 4 << 10)
    for turn in range(10):
        kept.keep("m", picture(turn % 3 + 1))
    assert kept.get("m") is not None
    assert kept.get("m").nbytes == 1 << 10  # type: ignore[union-attr]
    assert kept.get("other") is None


def test_the_picture_used_least_recently_goes_first() -> None:
    kept = LastInputs(lambda: EVERY, 4 << 10)
    for model in ("a", "b", "a", "c"):
        kept.keep(model, picture(2))
    assert kept.get("b") is None
    assert kept.get("a") is not None
    assert kept.get("c") is not None
    kept.keep("d", picture(4))
    assert [kept.get(each) is not None for each in "abcd"] == [False, False, False, True]


def test_a_picture_larger_than_all_may_be_is_not_kept() -> None:
    kept = LastInputs(lambda: EVERY, 4 << 10)
    small = picture(1)
    kept.keep("m", small)
    kept.keep("m", picture(5))
    assert kept.get("m") is small


def test_one_array_of_4k_is_within_the_bound() -> None:
    assert np.zeros((2_160, 3_840, 3), np.uint8).nbytes < KEPT_BYTES


def test_an_encoded_picture_is_given_while_the_settings_allow_its_pixels() -> None:
    most = [100]
    kept = LastInputs(lambda: most[0])
    encoded = cv2.imencode(".png", np.zeros((10, 10, 3), np.uint8))[1].tobytes()
    kept.keep("m", encoded)
    assert kept.get("m") == encoded
    most[0] = 99
    assert kept.get("m") is None
    most[0] = 100
    assert kept.get("m") == encoded
