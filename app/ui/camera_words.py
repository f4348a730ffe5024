"""What a camera is doing, in words and figures that operators read at a glance."""

from collections.abc import Mapping
from typing import Any, Literal

import streamlit as st

from app.ui.text import badge_text, plain

Colour = Literal["green", "blue", "orange", "red", "gray"]

STATES: dict[str, tuple[str, str, Colour]] = {
    "live": ("Live", "radio_button_checked", "green"),
    "connecting": ("Connecting", "progress_activity", "blue"),
    "stalled": ("Stalled", "hourglass_top", "orange"),
    "waiting": ("Waiting", "schedule", "orange"),
    "failed": ("Needs a person", "error", "red"),
    "stopped": ("Stopped", "stop_circle", "gray"),
}
REASONS = {
    "unresolved": "its name has no address",
    "unreachable": "nothing answers at its address",
    "address_refused": "its address may not be a camera's",
    "unauthorised": "wrong user name or password",
    "not_found": "the camera has no such stream",
    "redirected": "the camera sends us to another address",
    "busy": "the camera refuses for the moment",
    "closed": "the connection ended",
    "silent": "no pictures come",
    "garbage": "what comes is no video",
    "repeated": "the same picture again and again",
    "runaway": "far too many pictures a second",
    "reshaped": "the picture has another shape now",
    "decoder": "the pictures cannot be decoded",
    "missing": "the file or device is gone",
    "no_worker": "no camera worker runs",
    "configuration": "its settings cannot be used",
}
DROPS = {
    "overrun": "newer ones came",
    "stale": "waited too long",
    "rate": "more than asked for",
    "repeated": "the same picture again",
    "stopped": "stopped meanwhile",
    "no_model": "no model",
}
_MOST_LABELS = 4


def state_badge(state: str, reason: str = "") -> None:
    """The state as a badge; the reason shows when one points at it."""
    label, icon, colour = STATES.get(state, STATES["stopped"])
    st.badge(badge_text(label), icon=f":material/{icon}:", color=colour, help=because(reason) or None)


def because(reason: str) -> str:
    """Why a camera is not live; empty where there is nothing to tell."""
    return REASONS.get(reason, reason.replace("_", " "))


def said(state: str, reason: str, detail: str = "") -> str:
    """State and reason as one line, such as `Waiting: wrong user name or password`."""
    label = STATES.get(state, STATES["stopped"])[0]
    why = because(reason) or ("" if state in {"live", "stopped"} else detail)
    return f"{label}: {why}" if why and state != "live" else label


def counted(labels: Mapping[str, int]) -> str:
    """Such as `person ×2 · car`; the most frequent first."""
    present = sorted(((count, label) for label, count in labels.items() if count), key=lambda each: (-each[0], each[1]))
    shown = [plain(label, longest=24) + (f" ×{count}" if count > 1 else "") for count, label in present[:_MOST_LABELS]]
    return " · ".join([*shown, "…"] if len(present) > _MOST_LABELS else shown)


def crossed(lines: Mapping[str, Mapping[str, int]]) -> str:
    """Such as `door 12 in, 9 out`."""
    return " · ".join(
        f"{plain(name, longest=24)} {counts.get('in', 0):,} in, {counts.get('out', 0):,} out"
        for name, counts in lines.items()
    )


def milliseconds(value: float | None) -> str:
    """An age as it is read: `180 ms`, `2.4 s`; none and 0 are those of a result that never came."""
    if not value:
        return "–"
    return f"{value:.0f} ms" if value < 1_000 else f"{value / 1_000:.1f} s"


def total(counts: Any) -> int:
    """A figure that may be told by its parts."""
    return sum(counts.values()) if isinstance(counts, Mapping) else int(counts or 0)
