"""Fit an image into a network's input, with the placement that maps boxes back to source pixels."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from registry.vision.images import ImageBgr

Boxes = npt.NDArray[np.float32]
_PAD_VALUE = 114  # the grey YOLO networks are trained with


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a source image lies in the network's input: `network = source * ratio_xy + pad_xy`, in pixels.

    `pad_xy` is the left and top border, negative where the image was cropped. The two ratios differ by the
    rounding of the resized size, and by the stretch.
    """

    source_wh: tuple[int, int]
    network_wh: tuple[int, int]
    ratio_xy: tuple[float, float]
    pad_xy: tuple[int, int]

    def to_source(self, boxes_xyxy: npt.NDArray[np.floating]) -> Boxes:
        """Boxes (n, 4) in network pixels to a new float32 array in source pixels, clipped to the image."""
        source: Boxes = (boxes_xyxy.astype(np.float32) - _twice(self.pad_xy)) / _twice(self.ratio_xy)
        return np.minimum(np.maximum(source, np.float32(0)), _twice(self.source_wh))

    def points_to_source(self, points: npt.NDArray[np.floating], *, clipped: bool = True) -> Boxes:
        """Points (…, 2 or more) with x, y in network pixels first to a new float32 array in source pixels.

        They are moved into the image where `clipped`. What follows x and y, such as a visibility, is kept.
        """
        source: Boxes = points.astype(np.float32)
        placed = (source[..., :2] - np.array(self.pad_xy, np.float32)) / np.array(self.ratio_xy, np.float32)
        source[..., :2] = np.clip(placed, 0, self.source_wh) if clipped else placed
        return source

    def to_network(self, boxes_xyxy: npt.NDArray[np.floating]) -> Boxes:
        """Boxes (n, 4) in source pixels to a new float32 array in network pixels, not clipped."""
        network: Boxes = boxes_xyxy.astype(np.float32) * _twice(self.ratio_xy) + _twice(self.pad_xy)
        return network


def _twice(pair_xy: tuple[float, float]) -> Boxes:
    return np.array((*pair_xy, *pair_xy), dtype=np.float32)


def letterbox(
    image_bgr: ImageBgr, size_wh: tuple[int, int], stride: int | None = None, pad_value: int = _PAD_VALUE
) -> tuple[ImageBgr, Placement]:
    """Scale to fit `size_wh`, keep the aspect ratio, pad evenly with grey.

    Without `stride` the result is exactly `size_wh`; with it, padding stops at the next multiple of `stride`
    (a rectangle). Pixel for pixel the arithmetic of Ultralytics' `LetterBox(auto=stride is not None)`: bilinear,
    enlarging allowed, borders rounded with ∓0.1, no side below one pixel. Returns a new array, except that nothing
    but the type changes hands when neither scaling nor padding is needed.
    """
    height, width = image_bgr.shape[:2]
    ratio = min(size_wh[0] / width, size_wh[1] / height)
    scaled_wh = (max(round(width * ratio), 1), max(round(height * ratio), 1))
    spare_w, spare_h = size_wh[0] - scaled_wh[0], size_wh[1] - scaled_wh[1]
    if stride is not None:
        spare_w, spare_h = spare_w % stride, spare_h % stride
    left, right = round(spare_w / 2 - 0.1), round(spare_w / 2 + 0.1)
    top, bottom = round(spare_h / 2 - 0.1), round(spare_h / 2 + 0.1)
    image = image_bgr
    if scaled_wh != (width, height):
        image = cv2.resize(image, scaled_wh, interpolation=cv2.INTER_LINEAR)
    if spare_w or spare_h:
        image = cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(pad_value,) * 3)
    network_wh = (scaled_wh[0] + left + right, scaled_wh[1] + top + bottom)
    ratio_xy = (scaled_wh[0] / width, scaled_wh[1] / height)
    return image, Placement((width, height), network_wh, ratio_xy, (left, top))


def stretch(image_bgr: ImageBgr, size_wh: tuple[int, int]) -> tuple[ImageBgr, Placement]:
    """Scale both sides to `size_wh` regardless of the aspect ratio; bilinear. Returns a new array."""
    height, width = image_bgr.shape[:2]
    image = cv2.resize(image_bgr, size_wh, interpolation=cv2.INTER_LINEAR)
    return image, Placement((width, height), size_wh, (size_wh[0] / width, size_wh[1] / height), (0, 0))


def center_crop(image_bgr: ImageBgr, size_wh: tuple[int, int]) -> tuple[ImageBgr, Placement]:
    """Scale until `size_wh` is covered, then cut its middle out; antialiased bilinear. Returns a new array.

    The arithmetic of torchvision's `Resize(size)` and `CenterCrop(size)` on a PIL image, done in one step: only
    the window that survives the crop is resampled, so that a very thin image costs no more than a square one.
    """
    height, width = image_bgr.shape[:2]
    target_w, target_h = size_wh
    if target_w * height >= target_h * width:
        scaled_w, scaled_h = target_w, max(target_h, int(target_w * height / width))
    else:
        scaled_w, scaled_h = max(target_w, int(target_h * width / height)), target_h
    left, top = round((scaled_w - target_w) / 2), round((scaled_h - target_h) / 2)
    ratio_x, ratio_y = scaled_w / width, scaled_h / height
    box = (
        left / ratio_x,
        top / ratio_y,
        min((left + target_w) / ratio_x, width),
        min((top + target_h) / ratio_y, height),
    )
    resized = Image.fromarray(image_bgr).resize(size_wh, Image.Resampling.BILINEAR, box=box)
    return np.asarray(resized), Placement((width, height), size_wh, (ratio_x, ratio_y), (-left, -top))
