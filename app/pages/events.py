"""Events: what the cameras saw, over time and one by one."""

from datetime import timedelta

import streamlit as st

from app.ui import event_detail, event_filters, event_timeline
from app.ui.camera_events import event_rows
from app.ui.frame import card, page_header
from app.ui.pager import page_number, pager
from app.ui.session import platform, required
from app.ui.states import empty_state, error_box
from registry.access import Action, Actor
from registry.errors import RegistryError
from registry.records import utc_now
from registry.records.camera_events import EventFilter

_SIZE = 12
_POLL_S = 5.0


def draw() -> None:
    """The page."""
    actor = required(Action.READ_EVENT)
    event_id = st.query_params.get("event")
    if event_id:
        try:
            event_detail.draw(actor, event_id)
        except RegistryError as error:
            error_box(error)
            event_detail.way_back()
        return
    actions = page_header("Events", "What the cameras saw, and when they were away.")
    csv = actions.empty()
    wanted = event_filters.event_filter(actor, st.query_params.get("camera", ""))
    address = f"/api/v1/camera-events/export?{event_filters.query(wanted)}"
    csv.link_button("Download CSV", address, icon=":material/download:")
    _timeline(actor, wanted)
    _list(actor, wanted)


def _timeline(actor: Actor, wanted: EventFilter) -> None:
    until = wanted.until or utc_now()
    since = wanted.since or until - timedelta(days=1)
    width = event_timeline.bar_width(until - since)
    spans = platform().events.spans(actor, wanted, event_timeline.asked_width(width))
    if spans:
        with card("event_timeline"):
            st.altair_chart(event_timeline.chart(spans, width, since, until), width="stretch")


def _list(actor: Actor, wanted: EventFilter) -> None:
    @st.fragment(run_every=_POLL_S)
    def rows() -> None:
        found, total = platform().events.page(actor, wanted, number=page_number("events"), size=_SIZE)
        if not found:
            _nothing(filtered=wanted != EventFilter(since=wanted.since))
            return
        with card("event_list"):
            event_rows(found, "events")
        pager("events", total, _SIZE, "event")

    rows()


def _nothing(*, filtered: bool) -> None:
    if filtered:
        empty_state("search_off", "Nothing matches", "Choose a longer time, or leave a filter as it was.")
    else:
        text = "A camera with a model makes one when a rule holds: open a camera and look at its zones and rules."
        empty_state("notifications", "Nothing happened in this time", text)
