"""An answer about one image, the same for a page, a route and a notebook cell."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.models.types import ModelVersion
from registry.runtime.prediction import Prediction

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Answer:
    """Which version said what about which picture; `image_bgr` is (height, width, 3) uint8."""

    version: ModelVersion
    prediction: Prediction
    image_bgr: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """The answer as the HTTP contract has it."""
        card = self.version.card
        model = {"name": self.version.name, "version": self.version.version, "task": str(card.task)}
        return {"model": model | {"sha256": self.version.sha256}, **self.prediction.to_dict()}

    def rows(self) -> list[dict[str, Any]]:
        """One flat row per detection, class or line of text."""
        body = self.prediction.to_dict()
        found = body.get("detections") or body.get("classes") or body.get("text") or []
        return [_flat(row) for row in found]

    def frame(self) -> "pd.DataFrame":
        """`rows` as a DataFrame."""
        import pandas as pd

        return pd.DataFrame(self.rows())

    def plot(self) -> np.ndarray:
        """The picture with the answer drawn on it: a new (height, width, 3) uint8 array in RGB."""
        from registry.vision.drawing import draw

        return draw(self.image_bgr, self.prediction)

    def _repr_png_(self) -> bytes:
        from registry.vision.encoding import encode_png

        return encode_png(self.plot())


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat = {key: value for key, value in row.items() if key not in {"box", "polygon"}}
    if "box" in row:
        flat |= dict(zip(("x1", "y1", "x2", "y2"), row["box"], strict=True))
    return flat
