"""A day of recordings as a line: when there is something, and what happened in it."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from app.ui.local_time import local
from registry.recordings.library import Span

_KINDS = {"Events": "#e5793b", "Motion": "#12a594", "Nothing moved": "#94a3b8"}
_HEIGHT = 112  # with hours and legend, which are cut off in less
_LEAST = timedelta(minutes=2)  # what is shorter would not be seen in a day


def timeline(key: str, day: date, spans: Sequence[Span]) -> datetime | None:
    """Draw the line; answers where the span begins that was pressed, if one was."""
    rows = [_row(number, span) for number, span in enumerate(spans)]
    frame = pd.DataFrame(rows, columns=["number", "at", "until", "end", "what"])
    begin = datetime.combine(day, time())
    scale = alt.Scale(domain=[begin.isoformat(), (begin + timedelta(days=1)).isoformat()])
    pick = alt.selection_point(name="pick", fields=["number"], on="click", empty=True)
    chart: Any = alt.Chart(frame).mark_rect(cornerRadius=2, height=30, cursor="pointer")
    drawn = chart.encode(
        x=alt.X("at:T", title=None, scale=scale, axis=alt.Axis(format="%H:%M", tickCount=12, grid=True)),
        x2="until:T",
        color=alt.Color(
            "what:N",
            scale=alt.Scale(domain=list(_KINDS), range=list(_KINDS.values())),
            legend=alt.Legend(orient="bottom", title=None),
        ),
        tooltip=[
            alt.Tooltip("what:N", title="What"),
            alt.Tooltip("at:T", title="from", format="%H:%M:%S"),
            alt.Tooltip("end:T", title="until", format="%H:%M:%S"),
        ],
    )
    shown = drawn.add_params(pick).properties(height=_HEIGHT, background="transparent")
    state = st.altair_chart(shown, width="stretch", on_select="rerun", selection_mode=["pick"], key=key)
    picked = state.get("selection", {}).get("pick", [])
    number = picked[0].get("number") if picked else None
    return spans[int(number)].started_at if isinstance(number, int) and 0 <= number < len(spans) else None


def _row(number: int, span: Span) -> dict[str, Any]:
    at = local(span.started_at).replace(tzinfo=None)
    end = local(span.ended_at).replace(tzinfo=None)
    what = "Events" if span.has_event else "Motion" if span.has_motion else "Nothing moved"
    return {"number": number, "at": at, "until": max(end, at + _LEAST), "end": end, "what": what}
