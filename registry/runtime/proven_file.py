"""A model's file by its sha256, read when somebody needs its bytes: what was prepared from them does without."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class ProvenFile:
    """`read()` gives the bytes that have this sha256 (hex), and no others; it raises what their keeper does."""

    sha256: str
    read: Callable[[], bytes]

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Bytes that are here already."""
        return cls(hashlib.sha256(data).hexdigest(), lambda: data)
