"""Events as lists show them: a thumbnail, what happened, where and when."""

import html
from collections.abc import Sequence

import streamlit as st

from app.ui.event_words import KINDS, lasted, what
from app.ui.local_time import clock
from app.ui.session import platform
from app.ui.text import plain
from registry.access import Actor
from registry.records import CameraEvent, EventKind
from registry.records.camera_events import EventFilter

_LATEST = 6
_POLL_S = 4.0


def latest(actor: Actor, camera_id: str) -> None:
    """The last events of one camera, kept up to date."""
    st.subheader("Last events", anchor=False)

    @st.fragment(run_every=_POLL_S)
    def rows() -> None:
        found, total = platform().events.page(actor, EventFilter(camera_id=camera_id), size=_LATEST)
        if not found:
            st.markdown(":gray[Nothing has happened yet. *Zones and rules* says what makes an event.]")
        event_rows(found, "camera", with_camera=False)
        if total > len(found) and st.button(f"All {total:,}", key="camera.events", type="tertiary"):
            st.switch_page(st.session_state["pages"]["events"], query_params={"camera": camera_id})

    rows()


def event_rows(events: Sequence[CameraEvent], page: str, *, with_camera: bool = True) -> None:
    """One line for each; a press on its words opens it."""
    for event in events:
        with st.container(key=f"event_{page}_{event.id}", horizontal=True, vertical_alignment="center", gap="small"):
            thumbnail(event)
            with st.container(gap=None):
                if st.button(what(event), key=f"{page}.event.{event.id}", type="tertiary"):
                    open_event(event.id)
                st.caption(_about(event, with_camera=with_camera))
            if event.sent_to:
                st.badge(" ", icon=":material/photo_library:", color="green", help=f"In {plain(event.sent_to)}")


def thumbnail(event: CameraEvent) -> None:
    """The object's picture, or a sign of the kind of event."""
    if event.thumbnail:
        name = html.escape(f"{event.label} at {event.camera_name}", quote=True)
        st.html(
            f'<img class="nx-thumb" loading="lazy" alt="{name}" src="/api/v1/camera-events/{event.id}/thumbnail">',
            width="content",
        )
        return
    _, icon, colour = KINDS[EventKind(event.kind)]
    st.markdown(f"### :{colour}[:material/{icon}:]", width="content")


def open_event(event_id: str) -> None:
    """Go to an event's page."""
    st.switch_page(st.session_state["pages"]["events"], query_params={"event": event_id})


def _about(event: CameraEvent, *, with_camera: bool) -> str:
    facts = [
        plain(event.camera_name, longest=40) if with_camera else "",
        clock(event.started_at),
        lasted(event),
        f"{event.score:.0%} sure" if event.kind == EventKind.OBJECT else "",
        plain(event.rule, longest=40),
    ]
    return " · ".join(filter(None, facts))
