"""One decoded picture of a camera."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

UInt8 = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture in planar YUV 4:2:0 as the decoder wrote it; nothing is copied until BGR is asked for.

    `at_s` is monotonic, `captured_at` the same moment in UTC, `source_wh` the size the camera sends.
    """

    camera_id: str
    frame_id: int
    at_s: float
    captured_at: datetime
    size_wh: tuple[int, int]
    source_wh: tuple[int, int]
    data: bytes

    @property
    def luma(self) -> UInt8:
        """(h, w) uint8, a read-only view."""
        width, height = self.size_wh
        return np.frombuffer(self.data, np.uint8, width * height).reshape(height, width)

    def to_bgr(self) -> UInt8:
        """A new array (h, w, 3) uint8."""
        width, height = self.size_wh
        planes = np.frombuffer(self.data, np.uint8).reshape(height * 3 // 2, width)
        return cast(UInt8, cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420))

    def crop_bgr(self, box_xyxy: tuple[int, int, int, int]) -> UInt8:
        """A new array (h, w, 3) uint8 of a part whose edges are even numbers; only that part is converted."""
        x1, y1, x2, y2 = box_xyxy
        width, height = self.size_wh
        chroma_size = width * height // 4
        data = np.frombuffer(self.data, np.uint8)
        planes = [self.luma[y1:y2, x1:x2].reshape(-1)]
        for start in (width * height, width * height + chroma_size):
            plane = data[start : start + chroma_size].reshape(height // 2, width // 2)
            planes.append(plane[y1 // 2 : y2 // 2, x1 // 2 : x2 // 2].reshape(-1))
        joined = np.concatenate(planes).reshape((y2 - y1) * 3 // 2, x2 - x1)
        return cast(UInt8, cv2.cvtColor(joined, cv2.COLOR_YUV2BGR_I420))


def planes(yuv: UInt8) -> tuple[UInt8, UInt8, UInt8]:
    """Views of the luma (h, w) and the two chroma planes (h / 2, w / 2) of one array (h * 3 / 2, w)."""
    height, width = yuv.shape[0] * 2 // 3, yuv.shape[1]
    flat, luma, chroma = yuv.reshape(-1), height * width, height * width // 4
    return (
        flat[:luma].reshape(height, width),
        flat[luma : luma + chroma].reshape(height // 2, width // 2),
        flat[luma + chroma :].reshape(height // 2, width // 2),
    )
