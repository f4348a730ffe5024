"""The part of a camera's recordings that is to be analysed: chosen on one page, asked about on another."""

import json
from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from registry.cameras.view import CameraView
from registry.jobs.video.parameters import MOST_PLACES
from registry.jobs.video.videos import Stretch

_KEY = "video.recorded"


@dataclass(frozen=True, slots=True)
class RecordedPart:
    """What is to be analysed; `places` are the camera's own zones and lines as the form has them."""

    stretch: Stretch
    camera: str
    places: str


def begin(camera: CameraView, since: datetime, until: datetime) -> None:
    """Open the form for videos about a part."""
    stretch = Stretch(camera.id, since, until)
    st.session_state[_KEY] = RecordedPart(stretch, camera.record.name, _places(camera))
    st.session_state["jobs.starting"] = "video"
    st.switch_page(st.session_state["pages"]["jobs"])


def chosen() -> RecordedPart | None:
    """The part that the form is about, if it is about one."""
    return st.session_state.get(_KEY)


def forget() -> None:
    """The form is about no part."""
    st.session_state.pop(_KEY, None)


def _places(camera: CameraView) -> str:
    found = camera.record.analysis
    zones = [{"name": each["name"], "polygon": each["points"]} for each in found.get("zones", ())]
    lines = [{name: each[name] for name in ("name", "start", "end")} for each in found.get("lines", ())]
    if not zones and not lines:
        return ""
    return json.dumps({"zones": zones[:MOST_PLACES], "lines": lines[:MOST_PLACES]})
