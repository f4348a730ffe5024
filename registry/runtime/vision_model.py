"""What every loaded vision model can do, whatever runs it."""

from abc import ABC, abstractmethod
from itertools import pairwise
from time import perf_counter

import numpy as np
from pydantic import ValidationError

from registry.errors import InvalidInput
from registry.runtime.card import ModelCard, Thresholds
from registry.runtime.prediction import TIMING_STAGES, Prediction
from registry.vision.images import MAX_PIXELS, ImageBgr, decode_image


class VisionModel(ABC):
    """A model in this process. Safe to call from several threads at once.

    `providers` names the execution providers in force, the preferred one first.
    """

    card: ModelCard
    providers: tuple[str, ...]

    @abstractmethod
    def predict(
        self,
        image_bgr: ImageBgr,
        confidence: float | None = None,
        iou: float | None = None,
        max_detections: int | None = None,
    ) -> Prediction:
        """The answer for one image (h, w, 3) uint8 BGR, in its own pixels; the image is not changed.

        `confidence` and `iou` are in [0, 1], `max_detections` in 1..3000; None takes the card's. A classifier
        answers its five best classes unless `max_detections` or `confidence` says otherwise, and always the best.

        Raises:
            InvalidImage: not such an array.
            InvalidInput: a threshold out of its bounds.
            UnsupportedOutputs: the graph answered what the card's decoder cannot read.
        """

    def predict_bytes(
        self,
        data: bytes,
        confidence: float | None = None,
        iou: float | None = None,
        max_detections: int | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> Prediction:
        """Decode one encoded image (see `decode_image`), then `predict`; `timing_ms` includes the decoding.

        Raises:
            InvalidImage, ImageTooLarge: as `decode_image` does; otherwise as `predict`.
        """
        started = perf_counter()
        image_bgr = decode_image(data, max_pixels)
        decode_ms = (perf_counter() - started) * 1e3
        prediction = self.predict(image_bgr, confidence, iou, max_detections)
        prediction.timing_ms["decode"] = decode_ms
        prediction.timing_ms["total"] += decode_ms
        return prediction

    def warm_up(self) -> None:
        """Run once on a grey image of the card's size, so that the first request finds memory and threads ready."""
        grey = np.full((self.card.input.height, self.card.input.width, 3), 114, np.uint8)
        self.predict(grey)


def resolve_thresholds(
    defaults: Thresholds, confidence: float | None, iou: float | None, max_detections: int | None
) -> Thresholds:
    """The card's thresholds with a request's own in their place. Raises InvalidInput naming the one out of bounds."""
    asked = {"confidence": confidence, "iou": iou, "max_detections": max_detections}
    given = {name: value for name, value in asked.items() if value is not None}
    if not given:
        return defaults
    try:
        return Thresholds.model_validate(defaults.model_dump() | given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0])
        raise InvalidInput(f"{name} {given[name]!r}: {first['msg']}", details={"field": name}) from error


def stage_timings(marks: list[float]) -> dict[str, float]:
    """`timing_ms` from four `perf_counter` marks around preprocess, inference and postprocess."""
    steps = [(later - earlier) * 1e3 for earlier, later in pairwise(marks)]
    timing = dict.fromkeys(TIMING_STAGES, 0.0)
    timing |= dict(zip(("preprocess", "inference", "postprocess"), steps, strict=True))
    timing["total"] = sum(steps)
    return timing
