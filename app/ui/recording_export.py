"""Taking a stretch of recordings along as one file, or having it analysed."""

from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

import streamlit as st

from app.ui import recorded_part
from app.ui.frame import card
from app.ui.local_time import local, zone
from app.ui.session import platform
from registry.access import Action, Actor, allowed
from registry.cameras.view import CameraView


def draw(actor: Actor, camera: CameraView, day: date, begins: datetime) -> None:
    """Two times of the day, the link that gives the film between them, and the way to its analysis."""
    most = platform().live.current().recording_export_minutes
    here = local(begins)
    with card("recording_export"):
        st.markdown(
            f"**Export**  \n:gray[One MP4, as the camera sent it; up to {most} minutes. What was not recorded is left "
            "out.]"
        )
        left, right = st.columns(2)
        after = min(here + timedelta(minutes=5), datetime.combine(day, time(23, 59), zone()))
        key = f"recordings.export.{camera.id}.{here:%H%M}"
        first = left.time_input("From", here.time().replace(second=0, microsecond=0), step=60, key=f"{key}.from")
        last = right.time_input("Until", after.time().replace(second=0, microsecond=0), step=60, key=f"{key}.until")
        begin, end = (datetime.combine(day, each, zone()) for each in (first, last))
        if not begin < end:
            st.caption(":orange[The end lies after the beginning.]")
            return
        if end <= begin + timedelta(minutes=most):
            asked = urlencode({"from": _utc(begin), "to": _utc(end)})
            address = f"/api/v1/cameras/{camera.id}/recording?{asked}"
            st.link_button("Download", address, icon=":material/download:", width="stretch")
        else:
            st.caption(f":orange[One file holds {most} minutes at most.]")
        if allowed(actor, Action.START_JOB) and st.button(
            "Analyse",
            key=f"{key}.analyse",
            icon=":material/query_stats:",
            width="stretch",
            help="Tracks, counts and an annotated film of this time, as a job",
        ):
            recorded_part.begin(camera, begin, end)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
