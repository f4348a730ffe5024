"""The filters above the events, and the span of time they cover."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from urllib.parse import urlencode

import streamlit as st

from app.ui import filters
from app.ui.event_words import KINDS
from app.ui.frame import card
from app.ui.local_time import day, day_span
from app.ui.session import platform
from registry.access import Actor
from registry.cameras.view import CameraView
from registry.records import utc_now
from registry.records.camera_events import EventFilter

_CHOSEN = "chosen"
_TIMES: dict[str, str] = {
    "24": "Last 24 hours",
    "1": "Last hour",
    "168": "Last 7 days",
    "720": "Last 30 days",
    "8760": "Last 12 months",
    _CHOSEN: "Chosen days",
}


def event_filter(actor: Actor, camera_id: str) -> EventFilter:
    """Draw the filters; `camera_id` is the camera to begin with."""
    cameras, _ = platform().cameras.page(actor, size=2_000)
    groups = platform().camera_groups.list(actor)
    zones, rules = _named(cameras, "zones"), _named(cameras, "rules")
    named = {"": "Every camera"} | {each.id: each.record.name for each in cameras}
    if camera_id in named and "events.camera" not in st.session_state:
        st.session_state["events.camera"] = camera_id
    with card("filters"):
        first, second, third = st.columns(3)
        fourth, fifth, sixth = st.columns(3)
        seventh, eighth = st.columns([1, 2])
        with first:
            camera = filters.choice("events", "camera", "Camera", named)
        with second:
            group = filters.choice(
                "events", "group", "Group", {"": "Every group"} | {each["id"]: each["name"] for each in groups}
            )
        with third:
            hours = filters.choice("events", "time", "Time", _TIMES)
        with fourth:
            labels = {"": "Every class"} | {label: label for label in platform().events.labels(actor)}
            label = filters.choice("events", "label", "Class", labels)
        with fifth:
            kinds = {"": "Every kind"} | {kind.value: words[0] for kind, words in KINDS.items()}
            kind = filters.choice("events", "kind", "Kind", kinds)
        with sixth:
            zone = filters.choice("events", "zone", "Zone", {"": "Every zone"} | {name: name for name in zones})
        with seventh:
            rule = filters.choice("events", "rule", "Rule", {"": "Every rule"} | {name: name for name in rules})
        with eighth:
            text = filters.words("events", "text", "Search camera, class, rule or detail")
        since, until = _span(hours)
    return EventFilter(camera, group, kind, label, rule, zone, text, since, until)


def query(wanted: EventFilter) -> str:
    """The filter as the API's export takes it."""
    told = {name.removesuffix("_id"): value for name, value in asdict(wanted).items() if value}
    return urlencode({name: _plain(value) for name, value in told.items()})


def _named(cameras: Sequence[CameraView], what: str) -> list[str]:
    """The names of all zones or rules."""
    return sorted({part["name"] for each in cameras for part in each.record.analysis.get(what, [])})


def _span(hours: str) -> tuple[datetime, datetime | None]:
    if hours == _CHOSEN:
        today = day(utc_now())
        chosen = st.date_input(
            "Days", (today - timedelta(days=1), today), max_value=today, key="events.days", label_visibility="collapsed"
        )
        days = chosen if isinstance(chosen, tuple) else (chosen,)
        first, last = (days[0], days[-1]) if days else (today, today)
        return day_span(first)[0], day_span(last)[1]
    return utc_now() - timedelta(hours=int(hours)), None


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
