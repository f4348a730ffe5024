"""The form that starts a batch."""

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from app.ui.frame import card
from app.ui.job_row import open_job
from app.ui.model_choice import choose_model
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import plain
from registry.access import Action, Actor, allowed
from registry.errors import InvalidInput, RegistryError
from registry.jobs.batch_inputs import Upload
from registry.jobs.batches import Asked
from registry.models.quarantine import chunks_of
from registry.models.thresholds import Thresholds
from registry.records import Job
from registry.runtime.card import Task

_TYPES = ["jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "zip"]


def draw(actor: Actor) -> None:
    """The form; a batch that was started is opened."""
    listed, _ = platform().models.list(actor, size=500)
    models = [model for model in listed if model.task != Task.PROMPT and model.latest_version]
    with card("batch"):
        st.subheader("New batch", anchor=False)
        if not models:
            st.markdown(":gray[There is no model to run yet. As soon as one is published you can start a batch.]")
            return
        left, right = st.columns([0.62, 0.38], gap="medium")
        with right:
            which = choose_model("batch", models)
            confidence = st.number_input(
                "Confidence", 0.0, 1.0, None, 0.05, key="batch.confidence", placeholder="From the model's card"
            )
        with left, st.form("batch.form", border=False):  # a form waits until its files have arrived
            limit_mb = platform().live.current().upload_max_mb
            files = st.file_uploader(
                f"Images, or zip archives of images, each up to {limit_mb:,} MiB",
                type=_TYPES,
                accept_multiple_files=True,
                key="batch.files",
                max_upload_size=limit_mb,
            )
            folder, dataset = _folder(actor), _dataset(actor)
            annotate = st.checkbox("Also make annotated pictures", key="batch.annotate")
            pressed = st.form_submit_button("Start", type="primary", icon=":material/play_arrow:")
        if pressed:
            asked = Asked(which.model.name, which.version, which.alias, Thresholds(confidence), annotate)
            _submit(actor, asked, files, folder, dataset)


def _submit(actor: Actor, asked: Asked, files: list[UploadedFile], folder: str, dataset: str) -> None:
    try:
        with st.spinner("Taking in the images"):
            job = _start(actor, asked, files, folder, dataset)
    except RegistryError as error:
        error_box(error)
        return
    st.session_state["jobs.starting"] = ""
    open_job(job.id)


def _folder(actor: Actor) -> str:
    """A folder on the server, for those who may and where there is one."""
    known = platform().settings.batch_folders
    if not known or not allowed(actor, Action.READ_FOLDER):
        return ""
    given = st.text_input(
        "Or a folder on the server", key="batch.folder", placeholder=f"{known[0]}/…", help=plain(", ".join(known))
    )
    return given.strip()


def _dataset(actor: Actor) -> str:
    """A dataset's newest version, where there is one to see."""
    listed, _ = platform().datasets.list(actor, size=500)
    if not listed:
        return ""
    newest = {each.record.name: f"{each.record.name}/{each.newest.number}" for each in listed}
    name = st.selectbox(
        "Or a dataset, its newest version",
        list(newest),
        index=None,
        key="batch.dataset",
        placeholder="None",
        format_func=lambda each: plain(newest[each].replace("/", " version ")),
    )
    return newest[name] if name else ""


def _start(actor: Actor, asked: Asked, files: list[UploadedFile], folder: str, dataset: str) -> Job:
    if [bool(files), bool(folder), bool(dataset)].count(True) != 1:
        raise InvalidInput(
            "choose either files, or a folder, or a dataset",
            hint="Drop some images or a zip archive above. Files that are still being sent count once they are here: "
            "press Start again then.",
        )
    if dataset:
        return platform().batches.start_dataset(actor, asked, dataset)
    if folder:
        return platform().batches.start_folder(actor, asked, folder)
    most_mb = platform().live.current().upload_max_mb
    return platform().batches.start_uploads(actor, asked, [Upload(f.name, chunks_of(f, most_mb)) for f in files])
