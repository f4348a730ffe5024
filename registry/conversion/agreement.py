"""Whether a converted graph says what the original says: both run on the same pictures, answers compared."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from registry.errors import InvalidModel

SAMPLE = "sample.jpg"
ABSOLUTE, RELATIVE = 1e-3, 1e-3  # what float32 kernels of two libraries may differ by
_FREE_SIDE = 640
_SCORE = 4  # the column of the score in a suppressed detector's rows

Array = npt.NDArray[np.float32]
Original = Callable[[Array], Sequence[Array]]


@dataclass(frozen=True, slots=True)
class Agreement:
    """The greatest absolute difference of any output number, on a random and on a real picture."""

    random: float
    sample: float
    outputs: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe."""
        return asdict(self)


def measure(
    original: Original, onnx_bytes: bytes, folder: Path, shape: Sequence[int] | None = None, *, ranked: bool = False
) -> Agreement:
    """Compare the original with the graph on noise and on the folder's sample picture.

    `original` takes and answers float32 arrays; `shape` (1, channels, height, width) fills in what the graph
    leaves free. With `ranked` the first answer is rows by falling score, of which rounding may swap neighbours: see
    `_clear`. Raises InvalidModel when an answer differs by more than ABSOLUTE + RELATIVE times its size.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(onnx_bytes, providers=["CPUExecutionProvider"])
    declared = session.get_inputs()[0]
    sizes = tuple(shape or _sizes(declared.shape))
    pictures = (np.random.default_rng(0).random(sizes, np.float32), _sample(folder / SAMPLE, sizes))
    apart = []
    for picture in pictures:
        expected = list(original(picture))
        answers = [np.asarray(each, np.float32) for each in session.run(None, {declared.name: picture})]
        if ranked:
            expected, answers = _clear(expected, answers)
        apart.append(_difference(expected, answers))
    return Agreement(random=apart[0], sample=apart[1], outputs=len(session.get_outputs()))


def flat(answer: Any) -> list[Array]:
    """The arrays in a network's nested answer, in order."""
    if isinstance(answer, list | tuple):
        return [array for part in answer for array in flat(part)]
    if isinstance(answer, dict):
        return flat(list(answer.values()))
    return [np.asarray(answer, np.float32)]


def _sizes(declared: Sequence[Any]) -> tuple[int, ...]:
    defaults = (1, 3, _FREE_SIDE, _FREE_SIDE)
    return tuple(
        size if isinstance(size, int) and size > 0 else free for size, free in zip(declared, defaults, strict=True)
    )


def _sample(path: Path, sizes: Sequence[int]) -> Array:
    """The picture squeezed to the shape, RGB or grey, in 0..1."""
    import cv2

    _, channels, height, width = sizes
    pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR_RGB)
    scaled = cv2.resize(pixels, (width, height)).astype(np.float32) / 255
    planes = scaled[None] if channels == 1 else scaled.transpose(2, 0, 1)
    return np.ascontiguousarray(planes[None])


def _clear(expected: Sequence[Array], answers: Sequence[Array]) -> tuple[list[Array], list[Array]]:
    """Of rows (1, n, 6 or more) every score, and all of those whose rank no rounding can change."""
    before, after = expected[0], answers[0]
    if before.shape != after.shape or before.ndim != 3 or before.shape[2] <= _SCORE:
        return list(expected), list(answers)
    scores = before[0, :, _SCORE]
    gaps = np.abs(np.diff(scores, prepend=np.inf, append=-np.inf))
    clear = np.minimum(gaps[:-1], gaps[1:]) > ABSOLUTE
    parts = ([each[0, :, _SCORE], each[0, clear]] for each in (before, after))
    first, second = parts
    return [*first, *expected[1:]], [*second, *answers[1:]]


def _difference(expected: Sequence[Array], answers: Sequence[Array]) -> float:
    if len(answers) > len(expected):
        raise InvalidModel(f"the converted graph has {len(answers)} outputs, the original {len(expected)}")
    greatest = 0.0
    for before, after in zip(expected, answers, strict=False):  # an original may also answer what is not exported
        if before.shape != after.shape:
            raise InvalidModel(f"the converted graph answers {after.shape}, the original {before.shape}")
        if not before.size:
            continue
        apart = np.abs(before - after)
        if not (apart <= ABSOLUTE + RELATIVE * np.abs(before)).all():
            raise InvalidModel(
                f"the converted graph differs from the original by {apart.max():.3g}, more than rounding explains"
            )
        greatest = max(greatest, float(apart.max()))
    return greatest
