"""What every session over one graph offers, whatever runs it: one image tensor in, arrays out."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from registry.errors import InvalidModel
from registry.vision.tensor import Tensor

FLOAT_TYPES: dict[str, type[np.float32 | np.float16]] = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, shape and element type of a graph's input or output; a free size is a name or None."""

    name: str
    shape: tuple[int | str | None, ...]
    kind: str

    def __str__(self) -> str:
        sizes = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.name} {self.kind.removeprefix('tensor(').removesuffix(')')} ({sizes})"

    def fixed(self, axis: int) -> int | None:
        """The size of `axis` if the graph fixes it."""
        size = self.shape[axis]
        return size if isinstance(size, int) and size > 0 else None


class GraphSession(ABC):
    """One graph, ready to run. Safe to call from several threads at once; holds no state between runs.

    `providers` names what runs it, the preferred one first.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    providers: tuple[str, ...]

    @abstractmethod
    def run(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """Every output for a (1, channels, height, width) float32 tensor, in the graph's order, as float32.

        Raises:
            InvalidModel: the graph failed on this tensor, with the runtime's reason.
            ModelTooSlow: it took longer than a run may; the session can be run again.
        """

    @property
    def input(self) -> TensorSpec:
        """The image input."""
        return self.inputs[0]

    def _describe(self, inputs: Iterable[TensorSpec], outputs: Iterable[TensorSpec], providers: Iterable[str]) -> None:
        """Set what the session tells about itself. Raises InvalidModel unless the graph takes one image tensor."""
        self.inputs, self.outputs, self.providers = tuple(inputs), tuple(outputs), tuple(providers)
        if len(self.inputs) != 1 or self.inputs[0].kind not in FLOAT_TYPES or len(self.inputs[0].shape) != 4:
            found = "; ".join(str(each) for each in self.inputs) or "none"
            raise InvalidModel(f"expected one float input (1, channels, height, width), found {found}")
        self.input_dtype = FLOAT_TYPES[self.inputs[0].kind]


def reason_of(error: Exception) -> str:
    """The first line of what a runtime says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
