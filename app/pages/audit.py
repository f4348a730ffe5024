"""Audit: who did what, on what, from where, and with what outcome."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlencode

import streamlit as st

from app.ui import filters
from app.ui.frame import card, page_header
from app.ui.pager import page_number, pager
from app.ui.session import platform, required
from app.ui.states import empty_state
from app.ui.text import many, plain
from app.ui.trail_rows import trail_rows
from app.ui.trail_words import action_words
from registry.access import Action, Actor
from registry.records import utc_now
from registry.records.audit import Outcome
from registry.records.audit_search import LOOK_BACK, TrailFilter

_SIZE = 20
_TIMES: dict[int, str] = {0: "Any time", 1: "Last hour", 24: "Last day", 168: "Last week", 720: "Last 30 days"}
_OUTCOMES: dict[Outcome | Literal[""], str] = {
    "": "Any outcome",
    "ok": "Done",
    "refused": "Refused",
    "failed": "Failed",
}
_FAULTS = {"edited": "was edited", "missing": "is missing", "head": "is not the newest one that was written"}


def draw() -> None:
    """The page."""
    actor = required(Action.READ_AUDIT)
    actions = page_header("Audit", "Who did what. Nothing here can be changed, and a change from outside would show.")
    checked = actions.button("Verify", key="audit.verify", icon=":material/verified_user:")
    csv, verdict = actions.empty(), st.container()  # always there, or the rest would move when it is filled
    if checked:
        with verdict:
            _verify(actor)
    wanted = _filters(actor)
    csv.link_button("Download CSV", f"/api/v1/audit/export?{_query(wanted)}", icon=":material/download:")
    found, total = platform().auditing.page(actor, wanted, number=page_number("audit"), size=_SIZE)
    if wanted.text:
        st.caption(f"The text is looked for in the newest {LOOK_BACK:,} entries that the other filters leave.")
    if not found:
        empty_state("search_off", "Nothing matches", "Choose a longer time, or leave a filter empty.")
        return
    with card("trail"):
        trail_rows(found, "audit")
    pager("audit", total, _SIZE, "entry", "entries")


def _filters(actor: Actor) -> TrailFilter:
    known = platform().auditing.actions(actor)
    with card("filters"):
        first, second, third = st.columns(3)
        fourth, fifth, sixth = st.columns(3)
        with first:
            person = filters.words("audit", "person", "Who: a name or an id", icon="person", longest=64)
        with second:
            options = {"": "Every action"} | {each: f"{action_words(each)} ({each})" for each in known}
            action = filters.choice("audit", "action", "Action", options)
        with third:
            hours = filters.choice("audit", "time", "Time", _TIMES)
        with fourth:
            target = filters.words("audit", "target", "On what, such as model:", icon="category")
        with fifth:
            outcome = filters.choice("audit", "outcome", "Outcome", _OUTCOMES)
        with sixth:
            text = filters.words("audit", "text", "Any text")
    return TrailFilter(person, action, target, outcome or None, _since(hours), text=text)


def _since(hours: int) -> datetime | None:
    return utc_now() - timedelta(hours=hours) if hours else None


def _query(wanted: TrailFilter) -> str:
    return urlencode({name: value for name, value in asdict(wanted).items() if value})


def _verify(actor: Actor) -> None:
    with st.spinner("Walking along the chain"):
        verdict = platform().auditing.verify(actor)
    if verdict.fault is None:
        st.success(f"The trail holds: {many(verdict.rows, 'entry', 'entries')} checked.", icon=":material/verified:")
        return
    what = f"Entry {verdict.number} {_FAULTS[verdict.fault]}. {many(verdict.rows, 'entry', 'entries')} before it hold."
    st.error(plain(f"The trail is broken. {what}"), icon=":material/gpp_bad:")
