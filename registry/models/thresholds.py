"""What a request may ask of a model beside the picture."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a request may ask for; None means the card's default."""

    confidence: float | None = None
    iou: float | None = None
    max_detections: int | None = None


OF_THE_CARD = Thresholds()
