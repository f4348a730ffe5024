"""What came of a video: the film, who was when and where, the best pictures, the files."""

from datetime import datetime
from html import escape
from typing import Any, BinaryIO

import altair as alt
import pandas as pd
import streamlit as st

from app.ui.frame import card
from app.ui.job_downloads import downloads
from app.ui.local_time import local
from app.ui.session import platform
from app.ui.text import plain
from registry.access import Actor
from registry.jobs.batch_results import first_pictures

_PICTURES, _LABELS, _SECONDS = 12, 8, 600
_FILM = (
    '<video controls preload="metadata" playsinline style="width:100%;border-radius:8px;background:#000" '
    'src="SRC" aria-label="The annotated film"></video>'
)


def draw(actor: Actor, job: dict[str, Any], result: dict[str, Any]) -> None:
    """Everything there is."""
    links = {each["name"]: each["href"] for each in result["files"]}
    for note in result["notes"]:
        st.warning(plain(note), icon=":material/content_cut:")
    if "recorded_from" in result["video"]:
        since, until = (
            local(datetime.fromisoformat(result["video"][name])) for name in ("recorded_from", "recorded_to")
        )
        st.caption(f"Recorded on {since:%d %b %Y}, {since:%H:%M:%S} to {until:%H:%M:%S}")
    _figures(result)
    left, right = st.columns([0.62, 0.38], gap="medium")
    with left:
        if "annotated.mp4" in links:
            with card("video_film"):
                st.html(_FILM.replace("SRC", escape(links["annotated.mp4"])))
        _timeline(actor, job["id"])
        if "gallery.zip" in links:
            _gallery(actor, job["id"])
    with right:
        downloads(result["files"])
        _labels(result)
        _places(result)
        if "heatmap.png" in links:
            with card("video_heat"), _open(actor, job["id"], "heatmap.png") as file:
                st.subheader("Where things stood", anchor=False)
                st.image(file.read(), width="stretch")


def _figures(result: dict[str, Any]) -> None:
    figures = {"Pictures looked at": result["pictures"], "Found": result["found"], "Tracks": result["tracks"]}
    for index, (column, (label, value)) in enumerate(zip(st.columns(3), figures.items(), strict=True)):
        with column, card(f"video_figure_{index}"):
            st.metric(label, f"{value:,}")


def _timeline(actor: Actor, job_id: str) -> None:
    """How many of each class were there, second by second."""
    with _open(actor, job_id, "timeline.csv") as file:
        frame = pd.read_csv(file, dtype={"label": str})
    if frame.empty:
        return
    common = frame.groupby("label")["mean"].sum().nlargest(_LABELS).index
    span = max(1, -(-int(frame["second"].max() + 1) // _SECONDS))  # a bar of a long video is several seconds
    frame = frame[frame["label"].isin(common)].assign(second=frame["second"] // span * span)
    shown = frame.groupby(["second", "label"], as_index=False)["most"].max()
    bars = (
        alt.Chart(shown)
        .mark_bar(size=max(2, min(24, 560 / (shown["second"].max() / span + 1))))
        .encode(
            x=alt.X("second:Q", title="Seconds", axis=alt.Axis(tickMinStep=1), scale=alt.Scale(nice=False, padding=12)),
            y=alt.Y("most:Q", title=None, axis=alt.Axis(tickMinStep=1)),
            color=alt.Color("label:N", title=None, legend=alt.Legend(orient="top")),
            tooltip=[
                alt.Tooltip("second:Q", title="From second"),
                alt.Tooltip("label:N", title="Class"),
                alt.Tooltip("most:Q", title="Most at once"),
            ],
        )
    )
    with card("video_timeline"):
        st.subheader("Most at once, over time", anchor=False)
        st.altair_chart(bars.properties(height=220, background="transparent"), width="stretch")


def _gallery(actor: Actor, job_id: str) -> None:
    with card("video_gallery"):
        st.subheader("Best picture of each track", anchor=False)
        with _open(actor, job_id, "gallery.zip") as file:
            shown = list(first_pictures(file, _PICTURES))
        columns = [column for _ in range(0, len(shown), 4) for column in st.columns(4)]
        for column, (name, jpeg) in zip(columns, shown, strict=False):
            number, label, at = name.removesuffix(".jpg").split("-", 1)[0], *name[6:-4].rsplit("-", 1)
            column.image(jpeg, caption=plain(f"#{int(number)} {label}, {at}", longest=40), width="stretch")


def _labels(result: dict[str, Any]) -> None:
    if not result["labels"]:
        return
    what = "Tracks" if result["tracks"] else "Found"
    frame = pd.DataFrame(result["labels"].items(), columns=["Class", what])
    with card("video_labels"):
        st.subheader(f"{what} by class", anchor=False)
        st.dataframe(frame, hide_index=True, height=min(38 + 35 * len(frame), 280))


def _places(result: dict[str, Any]) -> None:
    zones = pd.DataFrame(
        [
            (name, zone["visits"], zone["most_at_once"], round(zone["seconds"], 1))
            for name, zone in result["zones"].items()
        ],
        columns=["Zone", "Visits", "Most at once", "Seconds"],
    )
    lines = pd.DataFrame(
        [(name, count["in"], count["out"]) for name, count in result["lines"].items()], columns=["Line", "In", "Out"]
    )
    for name, frame in (("zones", zones), ("lines", lines)):
        if len(frame):
            with card(f"video_{name}"):
                st.subheader(name.capitalize(), anchor=False)
                st.dataframe(frame, hide_index=True)


def _open(actor: Actor, job_id: str, name: str) -> BinaryIO:
    return platform().jobs.open_result(actor, job_id, name)[0]
