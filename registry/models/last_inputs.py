"""The picture that each model was asked about last: what its next version is tried on."""

import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from registry.vision.image_header import read_header
from registry.vision.images import ImageBgr

KEPT_BYTES = 32 << 20  # of all models together: an array of 4K has 24 MiB


class LastInputs:
    """One picture for each model, as it came; the one used least recently goes when all together get too large.

    `most_pixels()` is what an encoded picture may have; one that has more by now is kept, and not given.
    """

    def __init__(self, most_pixels: Callable[[], int], most_bytes: int = KEPT_BYTES) -> None:
        self._most_pixels, self._most_bytes = most_pixels, most_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, bytes | ImageBgr] = OrderedDict()
        self._bytes = 0

    def keep(self, model: str, image: bytes | ImageBgr) -> None:
        """Keep a picture, not a copy of it; one that is larger than all may be leaves the one before in place."""
        size = _bytes_of(image)
        if size > self._most_bytes:
            return
        with self._lock:
            before = self._kept.pop(model, b"")
            self._kept[model] = image
            self._bytes += size - _bytes_of(before)
            while self._bytes > self._most_bytes:
                self._bytes -= _bytes_of(self._kept.popitem(last=False)[1])

    def get(self, model: str) -> bytes | ImageBgr | None:
        """The picture of a model, if there is one that may still be asked about."""
        with self._lock:
            found = self._kept.get(model)
        if isinstance(found, bytes):
            header = read_header(found)
            return found if header.width * header.height <= self._most_pixels() else None
        return found


def _bytes_of(image: bytes | np.ndarray) -> int:
    return len(image) if isinstance(image, bytes) else image.nbytes
