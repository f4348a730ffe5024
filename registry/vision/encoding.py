"""Encoding a picture into a file's bytes."""

import cv2
import numpy as np
import numpy.typing as npt

from registry.errors import InvalidImage

ImageRgb = npt.NDArray[np.uint8]


def encode_jpeg(image_rgb: ImageRgb, quality: int = 90) -> bytes:
    """JPEG bytes of a (height, width, 3) uint8 RGB array; `quality` in 1..100. Raises InvalidImage."""
    return _encode(".jpg", image_rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])


def encode_png(image_rgb: ImageRgb) -> bytes:
    """PNG bytes of a (height, width, 3) uint8 RGB array. Raises InvalidImage."""
    return _encode(".png", image_rgb, [])


def _encode(suffix: str, image_rgb: ImageRgb, options: list[int]) -> bytes:
    done, encoded = cv2.imencode(suffix, cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise InvalidImage(f"an image of shape {image_rgb.shape} cannot be encoded as {suffix}")
    return bytes(encoded)
