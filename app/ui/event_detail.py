"""One event in full: its picture with box and path, how sure the model was, its film."""

import html

import altair as alt
import pandas as pd
import streamlit as st

from app.ui import event_to_dataset
from app.ui.camera_tile import open_camera
from app.ui.confirm import confirmed
from app.ui.event_words import KINDS, lasted, path, scores, what
from app.ui.frame import card, page_header
from app.ui.local_time import clock
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import plain
from registry.access import Action, Actor, allowed
from registry.errors import CameraNotFound, RegistryError
from registry.records import CameraEvent, EventKind
from registry.vision.event_picture import draw_event


def draw(actor: Actor, event_id: str) -> None:
    """The page of one event. Raises EventNotFound."""
    event = platform().events.get(actor, event_id)
    way_back()
    actions = page_header(what(event), f"{plain(event.camera_name)}, {clock(event.started_at)}")
    if actions.button("Camera", key="event.camera", icon=":material/videocam:"):
        _to_camera(actor, event)
    left, right = st.columns([0.64, 0.36], gap="medium")
    with left:
        if event.snapshot:
            _picture(actor, event)
        _clip(event)
    with right:
        _facts(event)
        if len(scores(event)) > 1:
            _scores(event)
        event_to_dataset.draw(actor, event)
        if allowed(actor, Action.DELETE_EVENT):
            _delete(actor, event)


def way_back() -> None:
    """The button that leads from one event to all of them."""
    if st.button("All events", key="event.back", icon=":material/arrow_back:", type="tertiary"):
        st.query_params.clear()
        st.rerun()


def _to_camera(actor: Actor, event: CameraEvent) -> None:
    try:
        platform().cameras.get(actor, event.camera_id)
    except CameraNotFound:
        st.toast("This camera was deleted", icon=":material/videocam_off:")
    else:
        open_camera(event.camera_id)


def _picture(actor: Actor, event: CameraEvent) -> None:
    with card("event_picture"):
        try:
            jpeg = platform().events.picture(actor, event.id, "snapshot")
            if st.toggle("Box and path", value=True, key="event.drawn"):
                words = f"{event.label} {event.score:.0%}"
                jpeg = draw_event(jpeg, event.box, words, path(event))
            with st.container(key="result_picture_event"):
                st.image(jpeg, width="stretch")
        except RegistryError as error:
            error_box(error)


def _clip(event: CameraEvent) -> None:
    if not event.clip:
        return
    with card("event_clip"):
        name = html.escape(f"Film of the event at {event.camera_name}", quote=True)
        address = f"/api/v1/camera-events/{event.id}/clip"
        st.html(f'<video class="nx-film" controls preload="metadata" aria-label="{name}" src="{address}"></video>')
        st.link_button("Download the film", address, icon=":material/download:", type="tertiary")


def _facts(event: CameraEvent) -> None:
    label, icon, colour = KINDS[EventKind(event.kind)]
    facts = {
        "Rule": event.rule,
        "Where": ", ".join(event.zones),
        "Line": f"{event.line}, {event.direction}" if event.line else "",
        "Sure to": f"{event.score:.0%}" if event.kind == EventKind.OBJECT else "",
        "Lasted": lasted(event),
        "Track": str(event.track_id) if event.track_id else "",
        "Model": event.model,
        "Why": event.detail,
    }
    with card("event_facts"):
        st.badge(label, icon=f":material/{icon}:", color=colour)  # type: ignore[arg-type]
        with st.container(gap=None):
            for name, value in facts.items():
                if value:
                    with st.container(horizontal=True, horizontal_alignment="distribute", gap="small"):
                        st.markdown(f":gray[{name}]", width="content")
                        st.markdown(plain(value, longest=80), width="content")


def _scores(event: CameraEvent) -> None:
    frame = pd.DataFrame(scores(event), columns=["seconds", "score"])
    line = alt.Chart(frame).mark_area(line={"color": "#3a57e8"}, color="#3a57e8", opacity=0.15, interpolate="monotone")
    drawn = line.encode(
        x=alt.X("seconds:Q", title="seconds since it was first seen", axis=alt.Axis(tickCount=5)),
        y=alt.Y("score:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=".0%", tickCount=4)),
        tooltip=[alt.Tooltip("seconds:Q", format=".1f"), alt.Tooltip("score:Q", format=".0%")],
    )
    with card("event_scores"):
        st.markdown("**How sure the model was**")
        st.altair_chart(drawn.properties(height=150, background="transparent"), width="stretch")


def _delete(actor: Actor, event: CameraEvent) -> None:
    question = "The event is deleted, with its picture and its film."
    if confirmed("event.delete", "Delete event", question, icon="delete", really="Really delete", quiet=True):
        try:
            platform().events.delete_one(actor, event.id)
        except RegistryError as error:
            error_box(error)
        else:
            st.query_params.clear()
            st.rerun()
