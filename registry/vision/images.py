"""Encoded bytes to an `image_bgr` array, refusing what is broken or too large before a pixel is decoded."""

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from registry.errors import ImageTooLarge, InvalidImage
from registry.vision.image_header import ImageHeader, read_header

ImageBgr = npt.NDArray[np.uint8]
MAX_PIXELS = 50_000_000
MAX_SIDE = 32_768


def decode_image(data: bytes, max_pixels: int = MAX_PIXELS, max_side: int = MAX_SIDE) -> ImageBgr:
    """Decode JPEG, PNG, WebP, BMP or TIFF bytes into a new array (h, w, 3) uint8, BGR, 0..255.

    The type is taken from the content, the size from the header; only then are pixels decoded. EXIF orientation is
    applied. Gray, palette and CMYK images become BGR, 16-bit samples their high byte, an alpha channel is dropped,
    and of an animation or a multi-page file the first image is taken. `max_side` and `max_pixels` bound the
    stored size.

    Raises:
        InvalidImage: empty, not an image of these types, cut off, or damaged.
        ImageTooLarge: more than `max_pixels` pixels, or a side above `max_side`.
    """
    header = read_header(data)
    _refuse_large(header, max_pixels, max_side)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except (cv2.error, MemoryError) as error:
        raise InvalidImage(f"the image is a {header.kind} that could not be decoded") from error
    if image is None:
        raise InvalidImage(
            f"the image is a {header.kind} of {header.width}x{header.height} whose pixel data is damaged, cut off or "
            "of a sample type that is not supported"
        )
    return cast(ImageBgr, image)


def check_image(image_bgr: npt.NDArray[np.generic]) -> ImageBgr:
    """The same array if it is (h, w, 3) uint8 with at least one pixel. Neither copies nor mutates.

    Raises:
        InvalidImage: another shape or dtype, naming both.
    """
    if not isinstance(image_bgr, np.ndarray):
        raise InvalidImage(f"expected an image array (h, w, 3) uint8 in BGR order, got {type(image_bgr).__name__}")
    if image_bgr.dtype != np.uint8 or image_bgr.ndim != 3 or image_bgr.shape[2] != 3 or not image_bgr.size:
        raise InvalidImage(
            f"expected an image array (h, w, 3) uint8 in BGR order, got {image_bgr.shape} {image_bgr.dtype}",
            hint="cv2.cvtColor turns gray, RGB or RGBA arrays into BGR.",
        )
    return cast(ImageBgr, image_bgr)


def _refuse_large(header: ImageHeader, max_pixels: int, max_side: int) -> None:
    width, height = header.width, header.height
    details = {"width": width, "height": height, "max_pixels": max_pixels, "max_side": max_side}
    if max(width, height) > max_side:
        raise ImageTooLarge(
            f"the image is {width}x{height} pixels, a side may have at most {max_side}",
            hint="Scale the image down, or cut it into tiles.",
            details=details,
        )
    if width * height > max_pixels:
        raise ImageTooLarge(
            f"the image is {width}x{height}, {width * height:,} pixels; at most {max_pixels:,} are decoded "
            "(image_max_pixels in the settings)",
            details=details,
        )
