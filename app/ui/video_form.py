"""The form that starts the analysis of a video."""

from dataclasses import dataclass

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from app.ui import recorded_part
from app.ui.frame import card
from app.ui.job_row import open_job
from app.ui.local_time import local
from app.ui.model_choice import choose_model
from app.ui.recorded_part import RecordedPart
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import plain
from registry.access import Action, Actor, allowed
from registry.errors import InvalidInput, RegistryError
from registry.jobs.video.places import asked_about, parse_places
from registry.jobs.video.videos import Asked
from registry.models.quarantine import chunks_of
from registry.models.thresholds import Thresholds
from registry.records import Job
from registry.runtime.card import WITH_BOXES

_TYPES = ["mp4", "mov", "m4v", "mkv", "webm", "avi", "ts", "m2ts"]
_PLACES = '{"zones": [{"name": "gate", "polygon": [[0.1, 0.2], [0.6, 0.2], [0.6, 0.9]]}],\n "lines": []}'


@dataclass(frozen=True, slots=True)
class Source:
    """Where the video is from: one of these."""

    file: UploadedFile | None
    path: str
    part: RecordedPart | None


def draw(actor: Actor) -> None:
    """The form; a job that was started is opened."""
    listed, _ = platform().models.list(actor, size=500)
    models = [model for model in listed if model.task in WITH_BOXES and model.latest_version]
    with card("video"):
        st.subheader("New video", anchor=False)
        if not models:
            st.markdown(":gray[There is no model that draws boxes yet. As soon as one is published you can start.]")
            return
        left, right = st.columns([0.62, 0.38], gap="medium")
        with right:
            which = choose_model("video", models)
            confidence = st.number_input(
                "Confidence", 0.0, 1.0, None, 0.05, key="video.confidence", placeholder="From the model's card"
            )
        part = recorded_part.chosen()
        with left:
            if part:
                _recorded(part)
            with st.form("video.form", border=False):  # a form waits until its file has arrived
                file, path = (None, "") if part else (_file(), _path(actor))
                about = _about(part)
                pressed = st.form_submit_button("Start", type="primary", icon=":material/play_arrow:")
        if pressed:
            _submit(actor, which.names, Thresholds(confidence), Source(file, path, part), about)


def _recorded(part: RecordedPart) -> None:
    """What the form is about instead of a file, and the way back to files."""
    since, until = local(part.stretch.since), local(part.stretch.until)
    st.markdown(
        f"What **{plain(part.camera)}** recorded on {since:%d %b %Y}, {since:%H:%M} to {until:%H:%M}  \n"
        ":gray[Its zones and lines are those of the camera. What was not recorded is left out.]"
    )
    st.button("Another video", key="video.another", icon=":material/close:", on_click=recorded_part.forget)


def _file() -> UploadedFile | None:
    limits = platform().live.current()
    return st.file_uploader(
        f"A video, up to {limits.upload_max_mb:,} MiB",
        type=_TYPES,
        key="video.file",
        max_upload_size=limits.upload_max_mb,
        help=f"The HTTP API and `nexusai jobs submit video` take up to {limits.video_max_mb:,} MiB.",
    )


def _about(part: RecordedPart | None) -> dict[str, object]:
    """What is asked, as its fields."""
    fps = st.number_input(
        "Pictures a second", 0.1, 240.0, None, 1.0, key="video.fps", placeholder="All of them", format="%g"
    )
    first, second = st.columns(2)
    track = first.checkbox("Follow things from picture to picture", value=True, key="video.track")
    annotate = second.checkbox("Also make the annotated film", value=True, key="video.annotate")
    with st.expander("Zones and lines to count in"):
        places = st.text_area(
            "Zones and lines as JSON, points from 0 to 1 from the top left",
            part.places if part else "",
            key=f"video.places.{part.stretch.camera_id}" if part else "video.places",
            placeholder=_PLACES,
            height=120,
        )
    return {"fps": fps, "track": track, "annotate": annotate, "places": places}


def _submit(
    actor: Actor,
    which: dict[str, object],
    thresholds: Thresholds,
    source: Source,
    given: dict[str, object],
) -> None:
    try:
        places = parse_places(str(given.pop("places")))
        about = asked_about(**given, zones=places.zones, lines=places.lines)
        with st.spinner("Taking in the video"):
            asked = Asked(**which, thresholds=thresholds, about=about)  # type: ignore[arg-type]
            job = _start(actor, asked, source)
    except RegistryError as error:
        error_box(error)
        return
    st.session_state["jobs.starting"] = ""
    recorded_part.forget()
    open_job(job.id)


def _start(actor: Actor, asked: Asked, source: Source) -> Job:
    if source.part:
        return platform().videos.start_camera(actor, asked, platform().recordings, source.part.stretch)
    if (source.file is None) == (not source.path):
        raise InvalidInput("choose either a video or one on the server", hint="Drop a video above.")
    if source.file is None:
        return platform().videos.start_path(actor, asked, source.path)
    chunks = chunks_of(source.file, platform().live.current().upload_max_mb)
    return platform().videos.start_upload(actor, asked, source.file.name, chunks)


def _path(actor: Actor) -> str:
    """A file on the server, for those who may and where there is a folder."""
    known = platform().settings.batch_folders
    if not known or not allowed(actor, Action.READ_FOLDER):
        return ""
    given = st.text_input(
        "Or a video on the server", key="video.path", placeholder=f"{known[0]}/….mp4", help=plain(", ".join(known))
    )
    return given.strip()
