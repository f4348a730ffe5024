"""Pictures with handwritten digits at known places."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from registry.training.backgrounds import KINDS, draw_background, load_photos
from registry.training.digits import Digits
from registry.training.params import SceneParams

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_PLACING_TRIES = 25


@dataclass(frozen=True)
class Scene:
    """A picture, RGB (height, width, 3), with the boxes (n, 4), labels (n,) and source indices (n,) of its digits."""

    image_rgb: UInt8
    boxes_xyxy: Float32
    labels: Int64
    digit_indices: Int64


@dataclass(frozen=True)
class SceneComposer:
    """Composes scenes from one set of digits."""

    digits: Digits
    params: SceneParams
    photos: tuple[UInt8, ...]

    @classmethod
    def over(cls, digits: Digits, params: SceneParams) -> "SceneComposer":
        """A composer with the photographs that scikit-learn carries."""
        return cls(digits, params, load_photos())

    def compose(self, seed: int, number: int, background: str | None = None) -> Scene:
        """Scene `number` of the endless series that belongs to `seed`; `background` is one of KINDS, or any."""
        rng = np.random.default_rng([seed, number])
        kind = background or KINDS[rng.integers(len(KINDS))]
        canvas = draw_background(kind, self.params.size_wh, rng, self.photos)
        boxes: list[tuple[int, int, int, int]] = []
        rows: list[int] = []
        for _ in range(rng.integers(self.params.digits_per_scene[0], self.params.digits_per_scene[1] + 1)):
            row = int(rng.integers(len(self.digits)))
            ink = self._random_ink(self.digits.images[row], rng)
            box = _place(ink, self.params.size_wh, boxes, rng)
            if box is not None:
                behind = canvas[box[1] : box[3], box[0] : box[2]]
                blend(behind, ink, pick_colour(behind, self.params.min_contrast, rng))
                boxes.append(box)
                rows.append(row)
        return Scene(
            np.clip(canvas.round(), 0, 255).astype(np.uint8),
            np.array(boxes, np.float32).reshape(-1, 4),
            self.digits.labels[rows],
            self.digits.indices[rows],
        )

    def _random_ink(self, image_gray: UInt8, rng: np.random.Generator) -> Float32:
        lo, hi = np.log(self.params.digit_height_px)
        height_px = int(np.exp(rng.uniform(lo, hi)))
        return ink_mask(
            image_gray,
            height_px,
            rotation_deg=rng.uniform(-self.params.max_rotation_deg, self.params.max_rotation_deg),
            aspect=rng.uniform(0.85, 1.15),
        )


def ink_mask(image_gray: UInt8, height_px: int, *, rotation_deg: float = 0.0, aspect: float = 1.0) -> Float32:
    """A digit (8, 8) as opacity 0 to 1, cut to its ink and about `height_px` high."""
    factor = height_px / 8
    centre_px = height_px * 0.75
    matrix = cv2.getRotationMatrix2D((3.5, 3.5), rotation_deg, factor)
    matrix[0, :2] *= aspect
    matrix[:, 2] = centre_px - matrix[:, :2] @ (3.5, 3.5)
    side_px = round(2 * centre_px)
    grown = cv2.warpAffine(image_gray.astype(np.float32) / 255, matrix, (side_px, side_px), flags=cv2.INTER_CUBIC)
    # steeper edges than the interpolation gives, as a pen would leave them
    opacity = np.asarray(np.clip((grown - 0.35) / 0.3, 0, 1), np.float32)
    rows, columns = np.flatnonzero(opacity.max(axis=1) > 0.5), np.flatnonzero(opacity.max(axis=0) > 0.5)
    return opacity[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def pick_colour(behind_rgb: Float32, min_contrast: float, rng: np.random.Generator) -> Float32:
    """A colour whose luma differs by `min_contrast` from the mean of what lies behind it (height, width, 3)."""
    behind = float((behind_rgb @ _LUMA).mean())
    darker, brighter = behind - min_contrast, 255 - (behind + min_contrast)
    down = rng.random() * (max(darker, 0) + max(brighter, 0)) < max(darker, 0)
    luma = rng.uniform(0, darker) if down else rng.uniform(behind + min_contrast, 255)
    tint = rng.normal(0, 30, 3).astype(np.float32)
    return np.asarray(np.clip(luma + tint - tint @ _LUMA, 0, 255), np.float32)


def blend(behind_rgb: Float32, ink: Float32, colour_rgb: Float32) -> None:
    """Draw `ink` (height, width) on the pixels behind it, in place."""
    behind_rgb += ink[..., None] * (colour_rgb - behind_rgb)


def _place(
    ink: Float32, size_wh: tuple[int, int], taken: list[tuple[int, int, int, int]], rng: np.random.Generator
) -> tuple[int, int, int, int] | None:
    """A free box x1, y1, x2, y2 for `ink`, or None where no room was found."""
    height, width = ink.shape
    if width > size_wh[0] or height > size_wh[1]:
        return None
    for _ in range(_PLACING_TRIES):
        left, top = int(rng.integers(size_wh[0] - width + 1)), int(rng.integers(size_wh[1] - height + 1))
        box = (left, top, left + width, top + height)
        if not any(_overlap_px(box, other) for other in taken):
            return box
    return None


def _overlap_px(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> int:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0)
