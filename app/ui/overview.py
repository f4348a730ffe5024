"""The figures of the dashboard, gathered from the registry."""

from dataclasses import dataclass

import streamlit as st

from app import readiness
from app.platform import Platform
from registry.access import Action, Actor, allowed
from registry.errors import Unavailable
from registry.models.types import ModelSummary
from registry.records import users


@dataclass(frozen=True, slots=True)
class Overview:
    """Figures for one actor; None where there is nothing to show to them, or no answer."""

    models: int | None
    versions: int | None
    newest: tuple[ModelSummary, ...]
    users: int | None
    predictions: int


def overview(platform: Platform, actor: Actor) -> Overview:
    """Count what the actor may see."""
    people = None
    if allowed(actor, Action.MANAGE_USERS):
        with platform.database.read() as session:
            people = users.count(session)
    answered = platform.serving.answered
    try:
        found, total = platform.models.list(actor, size=500)
    except Unavailable:
        return Overview(None, None, (), people, answered)
    newest = tuple(sorted(found, key=lambda model: model.updated_at, reverse=True)[:4])
    return Overview(total, sum(model.latest_version for model in found), newest, people, answered)


@st.cache_data(ttl=10, show_spinner=False)
def health(_platform: Platform) -> dict[str, str]:
    """Each part's state, `ok` or the reason."""
    return readiness.report(_platform)[1]
