"""What every loaded vision model can do, whatever runs it."""

from abc import ABC, abstractmethod
from time import perf_counter

import numpy as np

from registry.errors import InvalidInput
from registry.runtime.card import ModelCard, Thresholds
from registry.runtime.prediction import Prediction
from registry.runtime.prompts import Prompts
from registry.runtime.raw_answer import RawAnswer, resolve_thresholds
from registry.vision.images import MAX_PIXELS, ImageBgr, decode_image


class VisionModel(ABC):
    """A model in this process. Safe to call from several threads at once.

    `providers` names the execution providers in force, the preferred one first.
    """

    card: ModelCard
    providers: tuple[str, ...]

    @property
    def defaults(self) -> Thresholds:
        """The thresholds of a request that names none."""
        return self.card.thresholds

    @abstractmethod
    def run(self, image_bgr: ImageBgr, least_confidence: float = 0.0) -> RawAnswer:
        """Run on one image (h, w, 3) uint8 BGR, which is not changed; the answer is read from what comes back.

        Where boxes are answered, those that score up to `least_confidence`, or up to the card's own confidence if
        that is lower, are let go: what is kept is small then.

        Raises:
            InvalidImage: not such an array.
            InvalidInput: the model needs prompts.
            UnsupportedOutputs: the graph answered what the card's decoder cannot read.
        """

    def run_prompts(self, image_bgr: ImageBgr, prompts: Prompts) -> RawAnswer:
        """As `run`, for the objects that points and boxes name. Raises InvalidInput: the model takes no prompts."""
        raise InvalidInput(
            f"points and boxes are for models that segment by prompt; this one answers task {self.card.task}",
            details={"field": "points"},
        )

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
            InvalidInput: a threshold out of its bounds, or the model needs prompts.
            InvalidImage, UnsupportedOutputs: as `run` does.
        """
        thresholds = resolve_thresholds(self.defaults, confidence, iou, max_detections)
        return self.run(image_bgr).read(thresholds)

    def segment(self, image_bgr: ImageBgr, prompts: Prompts, confidence: float | None = None) -> Prediction:
        """One object for each box and one for the points together, those scored up to `confidence` left out.

        Raises:
            InvalidInput: the model takes no prompts, or a threshold is out of its bounds.
            InvalidImage, UnsupportedOutputs: as `run` does.
        """
        thresholds = resolve_thresholds(self.defaults, confidence, None, None)
        return self.run_prompts(image_bgr, prompts).read(thresholds)

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

    def try_on(self, image_bgr: ImageBgr) -> None:
        """Answer once about an image, with prompts where the model needs some. Raises as `predict`."""
        self.predict(image_bgr)

    def warm_up(self) -> None:
        """Run once on a grey image of the card's size, so that the first request finds memory and threads ready."""
        self.try_on(np.full((self.card.input.height, self.card.input.width, 3), 114, np.uint8))
