"""A camera whose pictures carry their number, and which remembers when it sent each."""

import time
from pathlib import Path

import numpy as np

from registry.settings import PROJECT_ROOT
from registry.testing.h264 import encode_h264
from registry.testing.rtsp_server import RtspCamera

SIZE_WH, FPS, PICTURES, BITS = (640, 360), 25, 500, 9
SIDE, LEFT, TOP = 40, 20, 20  # of the squares: a row of the number's bits, below it the same bits turned over
_DARK, _BRIGHT, _GROUND = 40, 215, 110


class ClockCamera(RtspCamera):
    """At an address of this machine that cameras may have; `sent` holds seconds of time.time() by number."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.sent: dict[int, float] = {}
        super().__init__(clip().read_bytes())

    def picture(self, number: int) -> list[bytes]:
        """One picture, about to be sent."""
        self.sent[number % PICTURES] = time.time()
        return super().picture(number)


def clip() -> Path:
    """The clip as Annex-B, made once."""
    path = PROJECT_ROOT / "build" / "bench" / "clock.h264"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        raw, made = path.with_suffix(".gray"), path.with_suffix(".tmp")
        with raw.open("wb") as out:
            for number in range(PICTURES):
                out.write(_drawn(number).tobytes())
        size = f"{SIZE_WH[0]}x{SIZE_WH[1]}"
        source = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", size, "-r", str(FPS), "-i", str(raw)]
        encode_h264(source, made, fps=FPS, seconds=PICTURES / FPS)
        raw.unlink()
        made.rename(path)
    return path


def number_in(picture: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> int:
    """The number of a picture (height, width, 3) uint8."""
    row, first = TOP + SIDE // 2, LEFT + SIDE // 2
    return sum(1 << bit for bit in range(BITS) if picture[row, first + bit * SIDE, 1] > 127)


def _drawn(number: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """(height, width) uint8 with the number's bits as squares, the lowest first."""
    picture = np.full((SIZE_WH[1], SIZE_WH[0]), _GROUND, np.uint8)
    for bit in range(BITS):
        is_set = number >> bit & 1
        left = LEFT + bit * SIDE
        picture[TOP : TOP + SIDE, left : left + SIDE] = _BRIGHT if is_set else _DARK
        picture[TOP + SIDE : TOP + 2 * SIDE, left : left + SIDE] = _DARK if is_set else _BRIGHT
    return picture
