"""The cards of the two starter models."""

from registry.runtime.card import Decoder, InputSpec, ModelCard, Task, Thresholds
from registry.training.digits import LABELS, SOURCE
from registry.training.glyphs import SIDE_PX

_STAGES = "stages prepare, {train}, export and evaluate of dvc.yaml"


def detector_card(size_px: int, dataset_version: str, metrics: dict[str, float]) -> ModelCard:
    """The card of the digit detector."""
    return ModelCard(
        task=Task.DETECT,
        decoder=Decoder.YOLO,
        labels=LABELS,
        input=InputSpec(height=size_px, width=size_px, dynamic=True, stride=32, colour="rgb", resize="letterbox"),
        thresholds=Thresholds(confidence=0.4, iou=0.5),
        description=(
            "Finds handwritten digits in a picture: a YOLO11 of width 0.125, trained from nothing on scenes composed "
            f"from real digits. Digits should be 24 to 90 pixels high once the picture is scaled to {size_px} pixels."
        ),
        licence="AGPL-3.0 (trained with Ultralytics YOLO11); data: UCI handwritten digits, CC BY 4.0",
        source=_STAGES.format(train="train-detector"),
        dataset=f"digit scenes {dataset_version}, composed from {SOURCE}",
        metrics=metrics,
    )


def classifier_card(dataset_version: str, metrics: dict[str, float]) -> ModelCard:
    """The card of the digit classifier."""
    return ModelCard(
        task=Task.CLASSIFY,
        decoder=Decoder.LOGITS,
        labels=LABELS,
        input=InputSpec(height=SIDE_PX, width=SIDE_PX, colour="gray", resize="stretch"),
        description="Tells which handwritten digit a picture shows; the digit should fill it. Light or dark ink.",
        licence="Apache-2.0; data: UCI handwritten digits, CC BY 4.0",
        source=_STAGES.format(train="train-classifier"),
        dataset=f"handwritten digits {dataset_version}: {SOURCE}",
        metrics=metrics,
    )
