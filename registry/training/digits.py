"""Real handwritten digits, split so that none serves both training and evaluation."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

LABELS = tuple("0123456789")
SOURCE = "UCI Optical Recognition of Handwritten Digits (scikit-learn copy), CC BY 4.0"

UInt8 = npt.NDArray[np.uint8]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Digits:
    """Digits as 8-bit grey, white ink on black: images (n, 8, 8), labels (n,), their source indices (n,)."""

    images: UInt8
    labels: Int64
    indices: Int64

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Int64) -> "Digits":
        """The given rows, as copies."""
        return Digits(self.images[rows], self.labels[rows], self.indices[rows])


@dataclass(frozen=True)
class DigitSplit:
    """Two sets of digits without a common member."""

    train: Digits
    held_out: Digits

    def save(self, path: Path) -> None:
        """Write both sets to one `.npz`; equal sets give equal bytes."""
        arrays: dict[str, Any] = {}
        for name, digits in (("train", self.train), ("held_out", self.held_out)):
            arrays |= {f"{name}_images": digits.images, f"{name}_labels": digits.labels}
            arrays[f"{name}_indices"] = digits.indices
        np.savez_compressed(path, **arrays)

    @staticmethod
    def load(path: Path) -> "DigitSplit":
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            train, held_out = (
                Digits(arrays[f"{name}_images"], arrays[f"{name}_labels"], arrays[f"{name}_indices"])
                for name in ("train", "held_out")
            )
        return DigitSplit(train, held_out)


def load_digits() -> Digits:
    """All 1,797 digits that scikit-learn carries, without exact duplicates."""
    from sklearn.datasets import load_digits as load_bunch

    bunch = load_bunch()
    images = np.asarray(bunch.images)
    # 17 grey levels, 0 to 16
    images_u8 = (images * (255 / 16)).round().astype(np.uint8)
    _, first = np.unique(images_u8.reshape(len(images_u8), -1), axis=0, return_index=True)
    rows = np.sort(first).astype(np.int64)
    return Digits(images_u8[rows], np.asarray(bunch.target, np.int64)[rows], rows)


def split_digits(digits: Digits, held_out_fraction: float, seed: int) -> DigitSplit:
    """Keep back the same share of each label, chosen by `seed`."""
    rng = np.random.default_rng(seed)
    held_out = np.zeros(len(digits), bool)
    for label in np.unique(digits.labels):
        rows = rng.permutation(np.flatnonzero(digits.labels == label))
        held_out[rows[: round(len(rows) * held_out_fraction)]] = True
    return DigitSplit(digits.take(np.flatnonzero(~held_out)), digits.take(np.flatnonzero(held_out)))
