"""Single digits as small grey pictures, plain and varied."""

import cv2
import numpy as np
import numpy.typing as npt

from registry.training.digits import Digits

SIDE_PX = 32

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]


def plain_glyphs(digits: Digits) -> UInt8:
    """The digits enlarged to (n, 32, 32), white ink on black."""
    shape = (len(digits), SIDE_PX, SIDE_PX)
    return np.array([_enlarge(image) for image in digits.images], np.uint8).reshape(shape)


def varied_glyphs(digits: Digits, rng: np.random.Generator) -> UInt8:
    """Each digit once (n, 32, 32): turned, stretched, moved, in another ink on another ground, with noise."""
    shape = (len(digits), SIDE_PX, SIDE_PX)
    return np.array([_vary(image, rng) for image in digits.images], np.uint8).reshape(shape)


def _enlarge(image_gray: UInt8) -> UInt8:
    grown = cv2.resize(image_gray, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
    return np.asarray(grown, np.uint8)


def _vary(image_gray: UInt8, rng: np.random.Generator) -> UInt8:
    factor = SIDE_PX / 8 * rng.uniform(0.85, 1.1)
    matrix = cv2.getRotationMatrix2D((3.5, 3.5), rng.uniform(-12, 12), factor)
    matrix[0, :2] *= rng.uniform(0.85, 1.15)
    centre = np.array([SIDE_PX, SIDE_PX]) / 2 - 0.5 + rng.uniform(-2.5, 2.5, 2)
    matrix[:, 2] = centre - matrix[:, :2] @ (3.5, 3.5)
    ink = cv2.warpAffine(image_gray.astype(np.float32) / 255, matrix, (SIDE_PX, SIDE_PX), flags=cv2.INTER_CUBIC)
    ground, pen = _two_greys(rng) if rng.random() < 0.5 else (0.0, 255.0)
    drawn = ground + np.clip(ink, 0, 1) * (pen - ground) + rng.normal(0, rng.uniform(0, 8), ink.shape)
    return np.asarray(np.clip(drawn, 0, 255), np.uint8)


def _two_greys(rng: np.random.Generator) -> tuple[float, float]:
    """Ground and pen, at least 80 apart, either the darker."""
    dark, bright = rng.uniform(0, 85), rng.uniform(165, 255)
    return (dark, bright) if rng.random() < 0.5 else (bright, dark)
