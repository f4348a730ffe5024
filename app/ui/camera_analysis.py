"""How a camera's pictures are looked at: motion, parts of the picture, scores, size, decoding."""

from typing import Any

import streamlit as st

from registry.cameras.configuration import AnalysisSettings, analysis_of
from registry.cameras.view import CameraView


def stored(camera: CameraView | None) -> dict[str, Any]:
    """What the fields show, as `draw` answers it."""
    now = _settings(camera)
    told = now.model_dump(include={"regions", "height", "confidence", "iou", "fast_decoding"})
    return told | {"motion": now.motion.model_dump(exclude={"masks"})}


def draw(camera: CameraView | None, key: str) -> dict[str, Any]:
    """The fields; masks, zones, lines and rules are drawn on the picture."""
    now = _settings(camera)
    fast = st.toggle(
        "Fast decoding",
        now.fast_decoding,
        key=f"{key}.fast",
        help="Leaves out the codec's smoothing: up to a third less work for the decoder, rougher pictures.",
    )
    with st.expander("Advanced", icon=":material/tune:"):
        motion = _motion(now, key)
        regions = st.toggle(
            "Look at parts around motion",
            now.regions,
            key=f"{key}.regions",
            help="Squares around what moves, in their own pixels, where that costs less than the whole picture.",
        )
        left, right = st.columns(2)
        with left:
            about = "How sure the model has to be of an object before it is tracked; less sees more. Empty: 0.45."
            confidence = _share("Score to track from (0 to 1)", now.confidence, "0.45", f"{key}.confidence", about)
        with right:
            about = "Two boxes that share more of their area than this are one object. Empty: as the model was made."
            iou = _share("Overlap of doubles (0 to 1)", now.iou, "model's own", f"{key}.iou", about)
        height = st.number_input(
            "Height of the analysed picture (64 to 2160)",
            64,
            2_160,
            now.height,
            step=2,
            key=f"{key}.height",
            help="In pixels, an even number. More finds smaller objects, and costs with its square; "
            "another height connects the camera anew.",
        )
    return {
        "motion": motion,
        "regions": regions,
        "height": height,
        "confidence": confidence,
        "iou": iou,
        "fast_decoding": fast,
    }


def _motion(now: AnalysisSettings, key: str) -> dict[str, Any]:
    motion = now.motion
    on = st.toggle(
        "Look only when something moves",
        motion.on,
        key=f"{key}.motion",
        help="Switched off, every picture is analysed, which costs a multiple.",
    )
    left, right = st.columns(2)
    sensitivity = left.number_input(
        "Sensitivity to motion (0 to 1)",
        0.0,
        1.0,
        motion.sensitivity,
        step=0.05,
        disabled=not on,
        key=f"{key}.sensitivity",
        help="0 sees only strong changes, 1 the faintest; 0.6 is usual. Less where leaves or rain count as motion.",
    )
    shown = round(100 * motion.min_area, 6)
    per_cent = right.number_input(
        "Smallest motion (% of the picture)",
        0.0,
        100.0,
        shown,
        step=0.01,
        format="%.3f",
        disabled=not on,
        key=f"{key}.min_area",
        help="0 to 100 per cent of the picture have to change at once. 0.08 is a person far away in 640 × 360.",
    )
    min_area = motion.min_area if per_cent == shown else per_cent / 100
    return {"on": on, "sensitivity": sensitivity, "min_area": min_area}


def _share(label: str, now: float | None, without: str, key: str, about: str) -> float | None:
    """A share that may be left empty, also one that had a value: only what is in the session can be cleared."""
    st.session_state.setdefault(key, now)
    return st.number_input(label, 0.0, 1.0, None, step=0.05, placeholder=without, key=key, help=about)


def _settings(camera: CameraView | None) -> AnalysisSettings:
    return analysis_of(camera.record.analysis if camera else {})
