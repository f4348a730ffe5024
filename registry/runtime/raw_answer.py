"""What one run of a model leaves: answers for any thresholds are read from it, without another run."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from pydantic import ValidationError

from registry.errors import InvalidInput
from registry.runtime.card import Thresholds
from registry.runtime.prediction import TIMING_STAGES, Prediction
from registry.validation import first_problem


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """The tensors of one image, with the code that reads them.

    `read_with` makes the answer for thresholds; `defaults` are those of a request that names none; boxes that score
    up to `least_confidence` were let go, so nothing below can be asked for.
    """

    read_with: Callable[[Thresholds], Prediction]
    defaults: Thresholds
    preprocess_ms: float
    inference_ms: float
    least_confidence: float = 0.0

    def at(
        self, confidence: float | None = None, iou: float | None = None, max_detections: int | None = None
    ) -> Prediction:
        """The answer that `VisionModel.predict` gives with these thresholds; None takes the card's.

        Raises:
            InvalidInput: a threshold out of its bounds, or a confidence below `least_confidence`.
            UnsupportedOutputs: the graph answered what the card's decoder cannot read.
        """
        return self.read(resolve_thresholds(self.defaults, confidence, iou, max_detections))

    def read(self, thresholds: Thresholds) -> Prediction:
        """As `at`, with all thresholds at hand."""
        if thresholds.confidence < self.least_confidence:
            raise InvalidInput(
                f"confidence {thresholds.confidence:g} is below {self.least_confidence:g}, down to which this run "
                "was kept",
                details={"field": "confidence"},
            )
        started = perf_counter()
        prediction = self.read_with(thresholds)
        postprocess_ms = (perf_counter() - started) * 1e3
        prediction.timing_ms.update(dict.fromkeys(TIMING_STAGES, 0.0))
        prediction.timing_ms.update(
            preprocess=self.preprocess_ms,
            inference=self.inference_ms,
            postprocess=postprocess_ms,
            total=self.preprocess_ms + self.inference_ms + postprocess_ms,
        )
        return prediction


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
        first = first_problem(error)
        said = f"{first.field} {given[first.field]!r}: {first.message}"
        raise InvalidInput(said, details={"field": first.field}) from error
