"""A scene that a threshold can detect: a white square that moves over gray, with the detector for it."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import supervision as sv

from registry.testing.h264 import encode_h264


def bright_square_clip(
    path: Path, *, size_wh: tuple[int, int] = (640, 360), seconds: float = 4.0, duty: float = 1.0, noise: int = 4
) -> bytes:
    """Annex-B H.264 of a square that crosses the picture in the first `duty` of the clip."""
    width, height = size_wh
    side, fps = height // 6, 25
    way = f"if(lt(t,{seconds * duty}),t/{seconds * duty}*{width - side},-{side})"
    graph = (
        f"color=c=0x404040:s={width}x{height}:r={fps},noise=alls={noise}:allf=t[g];color=c=white:s={side}x{side}:r={fps}[w];"
        f"[g][w]overlay=x='{way}':y={height // 3}"
    )
    return encode_h264(["-f", "lavfi", "-i", graph], path, fps=fps, seconds=seconds).read_bytes()


def square_and_flash(folder: Path) -> dict[str, bytes]:
    """`good`, a square that moves, and `flash`, a picture that is white in the first fifth of each second."""
    flash = "color=c=0x404040:s=640x360:r=25,drawbox=c=white:t=fill:enable='lt(mod(t,1),0.2)'"
    return {
        "good": bright_square_clip(folder / "square.h264"),
        "flash": encode_h264(["-f", "lavfi", "-i", flash], folder / "flash.h264").read_bytes(),
    }


def detect_bright(images: Sequence[npt.NDArray[np.uint8]]) -> list[sv.Detections]:
    """One detection `square` for each bright blob of an image (h, w, 3) uint8 BGR."""
    return [_detect(image) for image in images]


def _detect(image_bgr: npt.NDArray[np.uint8]) -> sv.Detections:
    bright = (image_bgr[:, :, 1] > 180).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(bright)
    found = [(x, y, x + w, y + h) for x, y, w, h, area in stats[1:].tolist() if area > 100]
    if not found:
        return sv.Detections.empty()
    return sv.Detections(
        xyxy=np.array(found, np.float32),
        confidence=np.full(len(found), 0.9, np.float32),
        class_id=np.zeros(len(found), int),
        data={"class_name": np.array(["square"] * len(found))},
    )
