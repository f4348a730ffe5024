"""Pictures to put digits on: plain, graded, noisy, cloudy and photographed."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]

KINDS = ("plain", "gradient", "noise", "clouds", "photo")


def load_photos() -> tuple[UInt8, ...]:
    """The two photographs that scikit-learn carries (CC BY 2.0), as RGB (427, 640, 3)."""
    from sklearn.datasets import load_sample_images

    return tuple(np.asarray(image, np.uint8) for image in load_sample_images().images)


def draw_background(
    kind: str, size_wh: tuple[int, int], rng: np.random.Generator, photos: tuple[UInt8, ...]
) -> Float32:
    """A background of one of KINDS, RGB (height, width, 3) float32 in 0 to 255."""
    width, height = size_wh
    match kind:
        case "photo":
            return _photo_patch(photos[rng.integers(len(photos))], size_wh, rng)
        case "clouds":
            return _clouds(size_wh, rng)
        case "gradient":
            return _gradient(size_wh, rng)
    plain = np.broadcast_to(_colour(rng), (height, width, 3)).astype(np.float32)
    if kind == "noise":
        plain += rng.normal(0, rng.uniform(5, 22), (height, width, 3)).astype(np.float32)
    return _clip(plain)


def _colour(rng: np.random.Generator) -> Float32:
    return rng.uniform(0, 255, 3).astype(np.float32)


def _gradient(size_wh: tuple[int, int], rng: np.random.Generator) -> Float32:
    width, height = size_wh
    angle_rad = rng.uniform(0, 2 * np.pi)
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    share = ((x * np.cos(angle_rad) + y * np.sin(angle_rad)) / np.sqrt(2) + 1) / 2
    start, end = _colour(rng), _colour(rng)
    return _clip(start + share[..., None] * (end - start))


def _clouds(size_wh: tuple[int, int], rng: np.random.Generator) -> Float32:
    cells = int(rng.integers(3, 12))
    coarse = _colour(rng) + rng.normal(0, 45, (cells, cells, 3))
    smooth = cv2.resize(coarse.astype(np.float32), size_wh, interpolation=cv2.INTER_CUBIC)
    return _clip(smooth)


def _photo_patch(photo_rgb: UInt8, size_wh: tuple[int, int], rng: np.random.Generator) -> Float32:
    """A random crop of the aspect of `size_wh`, from a third of the photo to all of it."""
    height, width = photo_rgb.shape[:2]
    zoom = rng.uniform(0.33, 1.0) * min(width / size_wh[0], height / size_wh[1])
    crop_w, crop_h = max(2, int(size_wh[0] * zoom)), max(2, int(size_wh[1] * zoom))
    left, top = int(rng.integers(width - crop_w + 1)), int(rng.integers(height - crop_h + 1))
    crop = photo_rgb[top : top + crop_h, left : left + crop_w]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    method = cv2.INTER_AREA if crop_w > size_wh[0] else cv2.INTER_CUBIC
    patch = cv2.resize(np.ascontiguousarray(crop), size_wh, interpolation=method)
    gain, offset = rng.uniform(0.6, 1.2), rng.uniform(-30, 30)
    return _clip(patch * gain + offset)


def _clip(values: npt.NDArray[Any]) -> Float32:
    return np.asarray(np.clip(values, 0, 255), np.float32)
