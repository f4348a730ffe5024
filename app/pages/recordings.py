"""Recordings: what there is of a day, played and taken along."""

from datetime import date, datetime, timedelta

import streamlit as st

from app.ui import recording_export
from app.ui.camera_form import MODES
from app.ui.camera_tile import open_camera
from app.ui.film import Film, play
from app.ui.frame import card, page_header
from app.ui.local_time import clock, day, day_span, zone
from app.ui.recording_timeline import timeline
from app.ui.session import platform, required
from app.ui.states import empty_state
from app.ui.text import many
from registry.access import Action, Actor, allowed
from registry.cameras.recording import recording_of
from registry.cameras.view import CameraView
from registry.recordings.library import Span
from registry.records import utc_now
from registry.records.segments import SegmentFilter

_AHEAD = timedelta(minutes=30)  # of what is played one after the other
_MOST_FILMS = 500
_CHOSEN = "recordings.chosen"  # kept while other pages are looked at


def draw() -> None:
    """The page."""
    actor = required(Action.READ_RECORDING)
    page_header("Recordings", "What there is of each camera and day. Press a bar to play it.")
    cameras, _ = platform().cameras.page(actor, size=2_000)
    if not cameras:
        empty_state("video_library", "No cameras yet", "Recordings are there once a camera is set to record.")
        return
    camera, wanted = _which(actor, {each.id: each for each in cameras})
    spans = platform().recordings.spans(actor, camera.id, *day_span(wanted))
    if not spans:
        _nothing(actor, camera)
        return
    st.caption(_kept(camera))
    with card("recording_timeline"):
        picked = timeline(f"recordings.line.{camera.id}.{wanted}", wanted, spans)
    begins = picked or spans[-1].started_at
    left, right = st.columns([0.66, 0.34], gap="medium")
    with left:
        _player(actor, camera, begins)
    with right:
        _figures(spans)
        if allowed(actor, Action.EXPORT_RECORDING):
            recording_export.draw(actor, camera, wanted, begins)


def _which(actor: Actor, cameras: dict[str, CameraView]) -> tuple[CameraView, date]:
    """The camera of the address, else the one chosen before, else the one recorded last; and the day."""
    first = st.query_params.get("camera", "") or st.session_state.get(_CHOSEN, "")
    if first not in cameras:
        first = platform().recordings.last_camera(actor)
    left, right = st.columns([0.66, 0.34])
    names = list(cameras)
    chosen = st.session_state[_CHOSEN] = left.selectbox(
        "Camera",
        names,
        index=names.index(first) if first in cameras else 0,
        key="recordings.camera",
        format_func=lambda each: cameras[each].record.name,
        label_visibility="collapsed",
    )
    today = day(utc_now())
    wanted = right.date_input("Day", today, max_value=today, key="recordings.day", label_visibility="collapsed")
    return cameras[chosen], wanted


def _kept(camera: CameraView) -> str:
    """What is recorded of a camera, and for how long that is kept."""
    asked = recording_of(camera.record.recording)
    if asked.mode == "off":
        return "Nothing is recorded of this camera at the moment: its settings say what is."
    days = asked.retention_days
    parts = [("with events", days.events), ("with motion", days.motion), ("the rest", days.continuous)]
    kept = ", ".join(f"{what} {many(count, 'day') if count else 'until room is needed'}" for what, count in parts)
    most = f", {asked.most_gb:g} GB at most" if asked.most_gb else ""
    return f"Recorded: {MODES[asked.mode].lower()}. Kept: {kept}{most}."


def _nothing(actor: Actor, camera: CameraView) -> None:
    is_off = camera.record.recording.get("mode", "off") == "off"
    why = "" if is_off else "Nothing was recorded on this day, or it is not kept any more. "
    empty_state("video_library", "No recordings of this day", f"{why}{_kept(camera)}")
    if is_off and allowed(actor, Action.CHANGE_CAMERA):
        with st.container(horizontal_alignment="center"):
            if st.button("Open the camera", key="recordings.camera_page", icon=":material/tune:"):
                open_camera(camera.id)


def _player(actor: Actor, camera: CameraView, begins: datetime) -> None:
    wanted = SegmentFilter(camera_id=camera.id, since=begins, until=begins + _AHEAD)
    found, _ = platform().recordings.page(actor, wanted, size=_MOST_FILMS)
    films = [
        Film(f"/api/v1/recordings/{each.id}?playable=true", int(each.started_at.timestamp() * 1_000))
        for each in sorted(found, key=lambda each: each.started_at)
    ]
    with card("recording_player"):
        if films:
            play(f"recordings.film.{camera.id}", films, str(zone()))
        else:
            st.markdown(":gray[This part is not kept any more.]")


def _figures(spans: list[Span]) -> None:
    whole = sum(((span.ended_at - span.started_at) for span in spans), timedelta())
    with_events = sum(span.has_event for span in spans)
    with card("recording_figures"):
        st.markdown(
            f"**{_hours(whole)}** on this day, in {many(len(spans), 'part')}  \n"
            f":gray[{with_events} with events · from {clock(spans[0].started_at)} to {clock(spans[-1].ended_at)}]"
        )


def _hours(span: timedelta) -> str:
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
