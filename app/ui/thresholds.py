"""The sliders of a kept run: what they say is read from it, the model does not run again."""

import streamlit as st

from app.ui.frame import card
from registry.models.answer import KeptRun
from registry.models.thresholds import Thresholds
from registry.runtime.card import SUPPRESSED_HERE, WITH_BOXES, Task

_MOST_SHOWN = 300
_CLASSES_SHOWN = 20


def sliders(kept: KeptRun) -> Thresholds:
    """Draw those that play a part in the task; the card's values are where they start."""
    about = kept.version.card
    if about.task is Task.EMBED:
        return Thresholds()
    with card("thresholds"), st.container(horizontal=True, gap="medium"):
        return _drawn(kept)


def _drawn(kept: KeptRun) -> Thresholds:
    about, defaults = kept.version.card, kept.raw.defaults
    key = f"inference.{{}}.{kept.version.key}"
    confidence = st.slider(
        "Quality" if about.task is Task.PROMPT else "Confidence",
        kept.raw.least_confidence,
        1.0,
        defaults.confidence,
        0.01,
        key=key.format("confidence"),
    )
    iou = most = None
    if about.task in WITH_BOXES and about.decoder in SUPPRESSED_HERE:
        iou = st.slider("Overlap (IoU)", 0.0, 1.0, defaults.iou, 0.01, key=key.format("iou"))
    if about.task is Task.CLASSIFY:
        choices = min(len(about.labels) or _CLASSES_SHOWN, _CLASSES_SHOWN)
        start = min(defaults.max_detections, choices)
        most = st.slider("Classes", 1, max(choices, 2), start, key=key.format("top"))
    elif about.task is not Task.PROMPT:
        limit = max(_MOST_SHOWN, defaults.max_detections)
        noun = "lines" if about.task is Task.OCR else "objects"
        most = st.slider(f"Most {noun}", 1, limit, defaults.max_detections, key=key.format("most"))
    return Thresholds(confidence, iou, most)
