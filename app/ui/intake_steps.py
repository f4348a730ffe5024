"""The steps of a model's way in, while it goes on or afterwards."""

from collections.abc import Iterable

import streamlit as st

from app.ui.text import plain
from registry.models.journey import Step

_TITLES = {
    "receive": ("Received", "Receiving"),
    "scan": ("Looked at", "Looking at it"),
    "convert": ("Converted to ONNX", "Converting to ONNX"),
    "verify": ("Checked and tried", "Checking and trying it"),
    "register": ("Registered", "Registering"),
}
_ICONS = {
    "waiting": ":gray[:material/radio_button_unchecked:]",
    "running": ":blue[:material/progress_activity:]",
    "done": ":green[:material/check_circle:]",
    "skipped": ":gray[:material/remove_circle:]",
    "failed": ":red[:material/cancel:]",
}


def intake_steps(steps: Iterable[Step]) -> None:
    """One line for each step; why one failed is for the error box below."""
    with st.container(key="upload_steps", gap="xsmall"):
        for step in steps:
            past, present = _TITLES.get(step.name, (plain(step.name), plain(step.name)))
            title = past if step.state == "done" else present
            detail = "" if step.state == "failed" else f" :gray[· {plain(step.detail)}]"
            shown = f":gray[{title}]" if step.state in ("waiting", "skipped") else f"**{title}**"
            st.markdown(f"{_ICONS.get(step.state, '')} {shown}{detail if step.detail else ''}")
