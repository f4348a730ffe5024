"""An answer about one image, the same for a page, a route and a notebook cell."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.models.types import ModelVersion
from registry.runtime.prediction import Prediction
from registry.runtime.raw_answer import RawAnswer
from registry.vision.images import decode_image

if TYPE_CHECKING:
    import pandas as pd

SIDES = ("x1", "y1", "x2", "y2")  # a box's columns in tables
_ROWS_SHOWN = 12  # in a notebook, below the picture


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
        """`rows_of` this answer."""
        return rows_of(self.prediction.to_dict())

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

    def _repr_html_(self) -> str:
        """The picture with the answer on it, and below it the first rows: what a picture cannot say."""
        from registry.vision.encoding import encode_jpeg

        picture = base64.b64encode(encode_jpeg(self.plot())).decode()
        named = escape(f"{self.version.name} version {self.version.version}")
        return (
            f'<img src="data:image/jpeg;base64,{picture}" alt="{named}" style="max-width:100%">'
            f"<p>{named}: {escape(self.prediction.says())}</p>{_table(self.rows()[:_ROWS_SHOWN])}"
        )


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A run on one picture, kept so that thresholds can be moved: each answer is read from it, the model rests.

    The picture is kept as it came, encoded; pixels would take ten times as much.
    """

    version: ModelVersion
    image: bytes
    raw: RawAnswer
    waited_ms: float
    decode_ms: float

    def answer(
        self, confidence: float | None = None, iou: float | None = None, max_detections: int | None = None
    ) -> Answer:
        """What `Serving.predict` answers with these thresholds. Raises as `RawAnswer.at`."""
        prediction = self.raw.at(confidence, iou, max_detections)
        timing = prediction.timing_ms
        timing.update(queue=self.waited_ms, decode=self.decode_ms)
        timing["total"] += self.waited_ms + self.decode_ms
        pixels = prediction.width * prediction.height  # it was let in once, whatever the limit is now
        return Answer(self.version, prediction, decode_image(self.image, max_pixels=pixels))


def rows_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One flat row per detection, class, line of text or value of an embedding; of a mask, its area in pixels.

    `body` is an answer as the HTTP contract has it.
    """
    if body.get("embedding") is not None:
        return [{"index": index, "value": value} for index, value in enumerate(body["embedding"])]
    return [_flat(row) for row in found_in(body)]


def found_in(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The detections, classes or lines of text of an answer as the HTTP contract has it."""
    return body.get("detections") or body.get("classes") or body.get("text") or []


def area_of(row: Mapping[str, Any]) -> int | None:
    """The pixels of a row's mask; None where it has none."""
    return sum(row["mask"]["counts"][1::2]) if "mask" in row else None


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat = {key: value for key, value in row.items() if key not in {"box", "polygon", "mask"}}
    if "mask" in row:
        flat["area"] = area_of(row)
    if "box" in row:
        flat |= dict(zip(SIDES, row["box"], strict=True))
    return flat


def _table(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{escape(name)}</th>" for name in rows[0])
    lines = ("".join(f"<td>{escape(str(value))}</td>" for value in row.values()) for row in rows)
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"
