"""The figures of the dashboard, gathered from the registry."""

from dataclasses import dataclass

import streamlit as st

from app import readiness
from app.platform import Platform
from app.ui.local_time import day, day_span
from registry.access import Action, Actor, allowed
from registry.errors import Unavailable
from registry.models.types import ModelSummary
from registry.records import EventKind, users, utc_now
from registry.records.camera_events import EventFilter
from registry.records.camera_list import CameraFilter


@dataclass(frozen=True, slots=True)
class Watched:
    """The cameras that are wanted, those of them that are live, and what they saw since midnight."""

    wanted: int
    live: int
    events: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Figures for one actor; None where there is nothing to show to them, or no answer."""

    models: int | None
    versions: int | None
    newest: tuple[ModelSummary, ...]
    users: int | None
    predictions: int
    watched: Watched | None = None


def overview(platform: Platform, actor: Actor) -> Overview:
    """Count what the actor may see."""
    people = None
    if allowed(actor, Action.MANAGE_USERS):
        with platform.database.read() as session:
            people = users.count(session)
    answered = platform.serving.answered
    seen = _watched(platform, actor) if allowed(actor, Action.READ_CAMERA) else None
    try:
        found, total = platform.models.list(actor, size=500)
    except Unavailable:
        return Overview(None, None, (), people, answered, seen)
    newest = tuple(sorted(found, key=lambda model: model.updated_at, reverse=True)[:4])
    return Overview(total, sum(model.latest_version for model in found), newest, people, answered, seen)


def _watched(platform: Platform, actor: Actor) -> Watched:
    numbers = {
        state: platform.cameras.page(actor, CameraFilter(state=state), size=1)[1] for state in ("", "live", "stopped")
    }
    today = EventFilter(kind=EventKind.OBJECT, since=day_span(day(utc_now()))[0])
    events = platform.events.page(actor, today, size=1)[1]
    return Watched(numbers[""] - numbers["stopped"], numbers["live"], events)


@st.cache_data(ttl=3, show_spinner=False)
def health(_platform: Platform) -> dict[str, str]:
    """Each part's state, `ok` or the reason."""
    return readiness.report(_platform)[1]
