"""Events over time, as bars by class."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import altair as alt
import pandas as pd

from app.ui.event_words import KINDS
from app.ui.local_time import local
from registry.records import EventKind

_MOST_LABELS = 6
_HOUR, _DAY, _WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
_WIDTHS = ((timedelta(hours=2), timedelta(minutes=5)), (timedelta(hours=50), _HOUR), (timedelta(days=80), _DAY))
_ELSE = "others"
_FIXED = {
    EventKind.OFFLINE: "#cf2f45",
    EventKind.ONLINE: "#12875a",
    EventKind.DISAGREEMENT: "#c4a5f5",
    EventKind.DISK: "#7a5c1e",
}
_GRAY = "#94a3b8"
_COLOURS = ("#3a57e8", "#12a594", "#e5793b", "#8e5bef", "#d6478b", "#b7950b", "#64748b")

Span = Mapping[str, Any]
Chart = Any  # Altair builds its encodings at run time


def bar_width(covered: timedelta) -> timedelta:
    """What a bar stands for, so that a chart has neither three nor a thousand."""
    return next((width for most, width in _WIDTHS if covered <= most), _WEEK)


def asked_width(width: timedelta) -> timedelta:
    """The spans to ask for: days and weeks are put together here, as the browser's time zone has them."""
    return {_DAY: _HOUR, _WEEK: _DAY}.get(width, width)


def rows(spans: Sequence[Span], width: timedelta) -> pd.DataFrame:
    """Columns at (local, without zone), label, events; what is rare is put together."""
    totals: Counter[str] = Counter()
    for each in spans:
        totals[_named(each)] += each["events"]
    told = {label for label, _ in totals.most_common(_MOST_LABELS)}
    summed: Counter[tuple[datetime, str]] = Counter()
    for each in spans:
        name = _named(each)
        summed[_begin(each["start"], width), name if name in told else _ELSE] += each["events"]
    made = [{"at": at, "label": label, "events": events} for (at, label), events in sorted(summed.items())]
    return pd.DataFrame(made, columns=["at", "label", "events"])


def chart(spans: Sequence[Span], width: timedelta, since: datetime, until: datetime) -> Chart:
    """The bars; each begins at its left edge."""
    frame = rows(spans, width)
    frame["until"] = frame["at"] + width
    frame["top"] = frame.groupby("at")["events"].cumsum()  # stacked here: Vega does not stack bars with both edges
    frame["base"] = frame["top"] - frame["events"]
    labels = list(dict.fromkeys(frame["label"]))
    fixed = {KINDS[kind][0]: colour for kind, colour in _FIXED.items()} | {_ELSE: _GRAY}
    free = iter(_COLOURS)
    colours = [fixed.get(label) or next(free) for label in labels]
    domain = [_begin(since, width).isoformat(), (_begin(until, width) + width).isoformat()]
    form = "%H:%M" if width <= _HOUR else "%d %b"
    return (
        alt.Chart(frame)
        .mark_rect(cornerRadius=2, stroke="white", strokeOpacity=0.35)
        .encode(
            x=alt.X(
                "at:T",
                title=None,
                scale=alt.Scale(domain=domain),
                axis=alt.Axis(format=form, tickCount=8),
            ),
            x2="until:T",
            y=alt.Y("base:Q", title=None, axis=alt.Axis(tickCount=4, format="d", tickMinStep=1)),
            y2="top:Q",
            color=alt.Color(
                "label:N",
                scale=alt.Scale(domain=labels, range=colours),
                legend=alt.Legend(orient="bottom", title=None),
            ),
            tooltip=[
                alt.Tooltip("label:N", title="What"),
                alt.Tooltip("events:Q", title="Events"),
                alt.Tooltip("at:T", title="from", format="%d %b %H:%M"),
            ],
        )
        .properties(height=180, background="transparent")
    )


def _named(span: Span) -> str:
    kind = EventKind(span["kind"])
    return str(span["label"] or "something") if kind is EventKind.OBJECT else KINDS[kind][0]


def _begin(moment: datetime, width: timedelta) -> datetime:
    """Where the bar of a moment begins: on the hour, at midnight, on a Monday."""
    here = _plain(moment)
    if width < _DAY:
        here = here.replace(microsecond=0)
        return here - timedelta(seconds=(here.minute * 60 + here.second) % int(width.total_seconds()))
    day = here.replace(hour=0, minute=0, second=0, microsecond=0)
    return day if width < _WEEK else day - timedelta(days=day.weekday())


def _plain(moment: datetime) -> datetime:
    return local(moment).replace(tzinfo=None)
