"""What became of a camera's frames over the last hour, drawn from what its workers kept."""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import ceil, floor
from typing import Any

import altair as alt
import pandas as pd

from registry.records.camera_history import STEP_S, Step

Chart = Any  # Altair builds its encodings at run time
COLOURS = {"Analysed": "#3a57e8", "Nothing moved": "#12a594", "Dropped": "#e5793b"}
_FPS_COLOUR, _AGE_COLOUR = "#94a3b8", "#8e4ec6"
_MINUTES = (1, 2, 5, 10, 15)  # from one tick to the next
_MOST_TICKS = 6


def figures(steps: Sequence[Step]) -> pd.DataFrame:
    """Columns at (UTC), fps, age in ms, and frames a minute by what became of them; empty cells where no worker ran
    the camera meanwhile, so that no line is drawn there.
    """
    rows: list[dict[str, Any]] = []
    for step in steps:
        began = step.at - step.seconds
        if rows and began - rows[-1]["at"].timestamp() > 2 * STEP_S:
            rows.append({"at": datetime.fromtimestamp(began, UTC)})
        told = step.to_dict()
        rows.append(
            {
                "at": told["at"],
                "fps": told["fps"],
                "age": step.age_p95_ms or None,
                "Analysed": told["inferred_per_minute"],
                "Nothing moved": told["gated_per_minute"],
                "Dropped": told["dropped_per_minute"] + told["failed_per_minute"],
            }
        )
    return pd.DataFrame(rows, columns=["at", "fps", "age", *COLOURS])


def frames_chart(steps: Sequence[Step]) -> Chart:
    """Frames a minute, a line for each thing that became of them."""
    told = figures(steps).melt("at", list(COLOURS), "frames", "rate")
    scale = alt.Scale(domain=list(COLOURS), range=list(COLOURS.values()))
    return (
        alt.Chart(told)
        .mark_line(interpolate="monotone", strokeWidth=2)
        .encode(
            x=alt.X("at:T", title=None, axis=time_axis(steps)),
            y=alt.Y("rate:Q", title="frames/min", axis=alt.Axis(tickCount=4), scale=alt.Scale(domainMin=0)),
            color=alt.Color("frames:N", scale=scale, legend=alt.Legend(orient="bottom", title=None)),
            tooltip=[
                alt.Tooltip("frames:N", title="Frames"),
                alt.Tooltip("rate:Q", title="a minute", format=".0f"),
                alt.Tooltip("at:T", title="at", format="%H:%M:%S"),
            ],
        )
        .properties(height=190, background="transparent")
    )


def small_charts(steps: Sequence[Step]) -> tuple[Chart, Chart]:
    """Pictures a second, and the age of results in milliseconds (95 % are younger)."""
    told, axis = figures(steps), time_axis(steps)
    rate = _small(told, axis, "fps", "pictures/s", _FPS_COLOUR)
    return rate, _small(told, axis, "age", "age, ms", _AGE_COLOUR)


def time_axis(steps: Sequence[Step]) -> alt.Axis:
    """Ticks at whole minutes, so far apart that each has another label."""
    begin, end = (steps[0].at / 60, steps[-1].at / 60) if steps else (0.0, 0.0)
    apart = next((each for each in _MINUTES if (end - begin) / each <= _MOST_TICKS), _MINUTES[-1])
    at_minutes = range(ceil(begin / apart) * apart, floor(end) + 1, apart)
    ticks = [datetime.fromtimestamp(minute * 60, UTC).isoformat() for minute in at_minutes]  # numbers are not drawn
    return alt.Axis(format="%H:%M", values=ticks, labelOverlap=True)


def _small(told: pd.DataFrame, axis: alt.Axis, column: str, title: str, colour: str) -> Chart:
    return (
        alt.Chart(told)
        .mark_line(interpolate="monotone", strokeWidth=2, color=colour)
        .encode(
            x=alt.X("at:T", title=None, axis=axis),
            y=alt.Y(f"{column}:Q", title=title, axis=alt.Axis(tickCount=3), scale=alt.Scale(domainMin=0)),
            tooltip=[
                alt.Tooltip(f"{column}:Q", title=title, format=".1f"),
                alt.Tooltip("at:T", title="at", format="%H:%M:%S"),
            ],
        )
        .properties(height=110, background="transparent")
    )
