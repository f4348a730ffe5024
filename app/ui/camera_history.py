"""What became of a camera's frames over the last minutes, as those who watch it have gathered it."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from app.ui.camera_words import total
from registry.cameras.view import CameraView

SPAN = timedelta(minutes=10)
_LEAST_APART = timedelta(seconds=1)
_MOST_CAMERAS = 200
Chart = Any  # Altair builds its encodings at run time
COLOURS = {"Captured": "#94a3b8", "Analysed": "#3a57e8", "Nothing moved": "#12a594", "Dropped": "#e5793b"}


@dataclass(frozen=True, slots=True)
class Moment:
    """The figures of one report."""

    at: datetime
    captured: int
    inferred: int
    gated: int
    dropped: int


@dataclass(slots=True)
class _Histories:
    kept: dict[str, deque[Moment]] = field(default_factory=dict)


@st.cache_resource(show_spinner=False)
def _histories() -> _Histories:
    return _Histories()


def note(camera: CameraView) -> None:
    """Keep what a camera reported, if that is new."""
    account, lease = camera.report.get("account"), camera.lease
    if not account or lease is None or lease.reported_at is None:
        return
    dropped = total(account.get("dropped")) + total(account.get("failed"))
    seen = Moment(
        lease.reported_at, total(account["captured"]), total(account["inferred"]), total(account["gated"]), dropped
    )
    kept = _histories().kept
    if camera.id not in kept and len(kept) >= _MOST_CAMERAS:
        kept.clear()
    line = kept.setdefault(camera.id, deque(maxlen=600))
    if line and seen.at - line[-1].at < _LEAST_APART:
        return
    if line and seen.captured < line[-1].captured:  # another worker counts from nought
        line.clear()
    line.append(seen)


def moments(camera_id: str) -> Sequence[Moment]:
    """What is known of the last minutes, oldest first."""
    line = list(_histories().kept.get(camera_id, ()))  # other sessions append to it meanwhile
    newest = line[-1].at if line else None
    return [each for each in line if newest and newest - each.at <= SPAN]


def rates(known: Sequence[Moment]) -> pd.DataFrame:
    """Frames a second between each two reports: columns at, frames, rate."""
    rows = []
    for before, after in pairwise(known):
        passed = (after.at - before.at).total_seconds()
        counts = {
            "Captured": after.captured - before.captured,
            "Analysed": after.inferred - before.inferred,
            "Nothing moved": after.gated - before.gated,
            "Dropped": after.dropped - before.dropped,
        }
        rows += [{"at": after.at, "frames": kind, "rate": max(0, count) / passed} for kind, count in counts.items()]
    return pd.DataFrame(rows, columns=["at", "frames", "rate"])


def chart(known: Sequence[Moment]) -> Chart:
    """The rates as lines."""
    scale = alt.Scale(domain=list(COLOURS), range=list(COLOURS.values()))
    return (
        alt.Chart(rates(known))
        .mark_line(interpolate="monotone", strokeWidth=2)
        .encode(
            x=alt.X("at:T", title=None, axis=alt.Axis(format="%H:%M:%S", tickCount=5)),
            y=alt.Y("rate:Q", title="frames/s", axis=alt.Axis(tickCount=4), scale=alt.Scale(domainMin=0)),
            color=alt.Color("frames:N", scale=scale, legend=alt.Legend(orient="bottom", title=None)),
            tooltip=[
                alt.Tooltip("frames:N", title="Frames"),
                alt.Tooltip("rate:Q", title="a second", format=".1f"),
                alt.Tooltip("at:T", title="at", format="%H:%M:%S"),
            ],
        )
        .properties(height=210, background="transparent")
    )
