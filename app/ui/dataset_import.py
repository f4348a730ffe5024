"""The form that takes a dataset in, and what was found in it."""

from collections.abc import Iterable
from typing import get_args

import streamlit as st

from app.ui import dataset_report
from app.ui.dataset_row import TASKS, open_dataset
from app.ui.frame import card
from app.ui.job_row import open_job
from app.ui.model_row import access_choice
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import many, plain
from registry.access import Actor
from registry.errors import InvalidInput, RegistryError
from registry.mlflow_file import AccessLevel
from registry.models.quarantine import chunks_of
from registry.records import DatasetVersion
from registry.training.datasets.changes import LONGEST_TEXT, NewVersion
from registry.training.datasets.intake import Wanted
from registry.training.datasets.plan import SplitPlan
from registry.training.datasets.problems import ImportReport
from registry.training.datasets.sample import DatasetTask

FORMATS = {"yolo": "YOLO", "coco": "COCO", "voc": "Pascal VOC", "folders": "A folder for each class"}
_LEVELS: tuple[AccessLevel, ...] = get_args(AccessLevel)
_DONE = "datasets.imported"
IN_PAGE_MOST_BYTES = 32 << 20  # a larger archive is imported by a job
_DIVIDE = {False: "Keep the archive's", True: "Divide anew"}


def draw(actor: Actor) -> None:
    """The form, and below it what came of the last import."""
    with card("dataset_import"):
        _form(actor)
        done = st.session_state.get(_DONE)
        if done:
            _outcome(*done)


def _form(actor: Actor) -> None:
    limit_mb = platform().live.current().upload_max_mb
    with st.form("dataset_import.form", border=False):
        st.subheader("Import a dataset", anchor=False)
        st.markdown(
            ":gray[A zip archive in the layout of YOLO, COCO or Pascal VOC, or with a folder for each class. Every "
            "picture is decoded and every label checked; what cannot be used is left out and listed. The name of a "
            f"dataset of yours gives it a new version. More than {IN_PAGE_MOST_BYTES >> 20} MiB are imported by a job, "
            "which goes on when you leave the page.]"
        )
        label = f"Zip archive, up to {limit_mb:,} MiB"
        file = st.file_uploader(label, type=["zip"], key="dataset_import.file", max_upload_size=limit_mb)
        left, right = st.columns(2)
        name = left.text_input("Name", key="dataset_import.name", max_chars=63, placeholder="bolts-line-3")
        level = right.selectbox(
            "Who may use it", _LEVELS, index=1, key="dataset_import.level", format_func=access_choice
        )
        text = left.text_input("Description", key="dataset_import.description", max_chars=LONGEST_TEXT)
        note = right.text_input("What is new in this version", key="dataset_import.note", max_chars=LONGEST_TEXT)
        with st.expander("Format, task and splits", icon=":material/tune:"):
            wanted, divide = _choices()
        pressed = st.form_submit_button("Check and import", type="primary", icon=":material/verified:")
    if pressed:
        st.session_state.pop(_DONE, None)
        new = NewVersion(name.strip(), wanted, text.strip(), level, note.strip(), SplitPlan() if divide else None)
        try:
            if file is None:
                raise InvalidInput("no archive was chosen", hint="Choose a zip archive first.")
            chunks = chunks_of(file, limit_mb)
            if file.size > IN_PAGE_MOST_BYTES:
                with st.spinner("Receiving the archive"):
                    job = platform().imports.start(actor, file.name, chunks, new)
                open_job(job.id)
            st.session_state[_DONE] = (new.name, *_imported(actor, chunks, new))
        except RegistryError as error:
            error_box(error)


def _choices() -> tuple[Wanted, bool]:
    st.markdown(":gray[Format and task are found out. Divided anew, 70 % train, 15 % validate and 15 % test.]")
    left, middle, right = st.columns(3)
    form = left.selectbox(
        "Format",
        [None, *FORMATS],
        key="dataset_import.format",
        format_func=lambda each: FORMATS[each] if each else "Find out",
    )
    task = middle.selectbox(
        "Task",
        [None, *DatasetTask],
        key="dataset_import.task",
        format_func=lambda each: TASKS[each][0] if each else "Find out",
    )
    divide = right.selectbox("Splits", list(_DIVIDE), key="dataset_import.divide", format_func=_DIVIDE.__getitem__)
    return Wanted(form, task), divide


def _imported(actor: Actor, chunks: Iterable[bytes], new: NewVersion) -> tuple[DatasetVersion, ImportReport]:
    bar = st.progress(0.0, "Receiving the archive")

    def tell(done: int, total: int) -> None:
        if total and done == total:
            bar.progress(1.0, f"Keeping {many(total, 'picture')} as a version, which takes some seconds")
        elif done % 20 == 0:
            bar.progress(done / total if total else 1.0, f"Looked at {done:,} of {many(total, 'picture')}")

    try:
        return platform().dataset_changes.receive(actor, chunks, new, tell)
    finally:
        bar.empty()


def made(name: str, number: int, images: int, objects: int, report: ImportReport) -> None:
    """Which version it became, or is already."""
    if report.equals_version:
        st.info(f"Nothing new: it equals **{plain(name)}** version {number}.", icon=":material/content_copy:")
        return
    what = f"{many(images, 'image')} with {many(objects, 'label')} ({FORMATS.get(report.format, report.format)})"
    st.success(f"**{plain(name)}** version {number}: {what}.", icon=":material/check_circle:")


def _outcome(name: str, version: DatasetVersion, report: ImportReport) -> None:
    made(name, version.number, version.images, version.objects, report)
    dataset_report.draw(report, "dataset_import")
    if st.button("Open the dataset", key="dataset_import.open", icon=":material/arrow_forward:"):
        del st.session_state[_DONE]
        st.session_state["datasets.importing"] = False
        open_dataset(name)
