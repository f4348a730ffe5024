"""Pictures that look alike: difference hashes, and the groups they make."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from registry.vision.images import ImageBgr

NEAR_BITS = 4  # of 64: what JPEG at another quality and a little scaling change
_COLUMNS, _ROWS = 9, 8


def look_of(image_bgr: ImageBgr) -> str:
    """The difference hash of a picture, 16 hex digits: whether each of 8 x 9 cells is brighter than its left one.

    N. Krawetz, "Kind of Like That" (2013).
    """
    gray = cv2.cvtColor(image_bgr, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(gray, (_COLUMNS, _ROWS), interpolation=cv2.INTER_AREA).astype(np.int16)
    bits = np.packbits(small[:, 1:] > small[:, :-1])
    return bits.tobytes().hex()


class Components:
    """Items that are joined in pairs, as the groups which that makes (union-find)."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def join(self, one: int, other: int) -> None:
        """Put two items, with all that are joined to either, into one group."""
        first, second = self.root(one), self.root(other)
        self._parents[max(first, second)] = min(first, second)

    def root(self, item: int) -> int:
        """The first item of the group."""
        while self._parents[item] != item:
            self._parents[item] = self._parents[self._parents[item]]
            item = self._parents[item]
        return item

    def groups(self) -> list[list[int]]:
        """Every group, in the order of their first items."""
        found: dict[int, list[int]] = defaultdict(list)
        for item in range(len(self._parents)):
            found[self.root(item)].append(item)
        return list(found.values())


def join_alike(components: Components, looks: Sequence[str], most_bits: int = NEAR_BITS) -> None:
    """Join all whose hashes differ in at most `most_bits` of 64; an empty hash is like nothing.

    Two such hashes agree in at least one of `most_bits + 1` bands, so only those of one band are compared.
    """
    items: dict[int, int] = {}
    for item, look in enumerate(looks):
        if look:
            components.join(item, items.setdefault(int(look, 16), item))
    hashes = np.array(list(items), np.uint64)
    firsts = list(items.values())
    edges = np.linspace(0, 64, most_bits + 2).astype(int)
    for low, high in pairwise(edges):
        band = (hashes >> np.uint64(low)) & np.uint64((1 << int(high - low)) - 1)
        for bucket in _buckets(band):
            _join_bucket(components, hashes, firsts, bucket, most_bits)


def _buckets(band: npt.NDArray[np.uint64]) -> list[npt.NDArray[np.intp]]:
    order = np.argsort(band, kind="stable")
    cuts = np.flatnonzero(np.diff(band[order])) + 1
    return [part for part in np.split(order, cuts) if len(part) > 1]


def _join_bucket(
    components: Components,
    hashes: npt.NDArray[np.uint64],
    firsts: list[int],
    bucket: npt.NDArray[np.intp],
    most_bits: int,
) -> None:
    for place, index in enumerate(bucket[:-1]):
        others = bucket[place + 1 :]
        near = others[np.bitwise_count(hashes[others] ^ hashes[index]) <= most_bits]
        for other in near:
            components.join(firsts[index], firsts[other])
