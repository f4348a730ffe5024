"""A job in full: how far it is, what came of it."""

from typing import Any, BinaryIO

import altair as alt
import pandas as pd
import pyarrow.parquet as pq
import streamlit as st

from app.ui import care_result, import_result, optimisation_result, training_curves, training_result, video_result
from app.ui.frame import card, page_header
from app.ui.job_downloads import downloads
from app.ui.job_row import act_button, progress_line, state_badge, title, training_about
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import many, plain
from registry.access import Action, Actor, allowed
from registry.errors import RegistryError
from registry.jobs.batch_results import first_pictures
from registry.jobs.dataset_uses import dataset_of
from registry.jobs.kinds import BATCH, IMPORT, TRAIN, VIDEO
from registry.records.jobs import is_final

_POLL_S = 1.0
_ROWS, _PICTURES, _LABELS = 200, 6, 12
_FAILED_ROWS, _FAILED_PX = 4, 320
_RESULTS = {
    "optimise": optimisation_result.draw,
    "tune": optimisation_result.draw,
    "clean": care_result.clean,
    "backup": care_result.backup,
    IMPORT.name: import_result.draw,
    TRAIN.name: training_result.draw,
    VIDEO.name: video_result.draw,
}


def draw(actor: Actor, job_id: str) -> None:
    """The page of one job. Raises JobNotFound."""
    job = _job(actor, job_id)
    way_back()
    actions = page_header(title(job), _about(job))
    _links(actor, job, actions)
    ended = is_final(job["state"])

    @st.fragment(run_every=None if ended else _POLL_S)
    def standing() -> None:
        now = _job(actor, job_id)
        if is_final(now["state"]) and not ended:
            st.rerun()
        with card("job_standing"), st.container(horizontal=True, vertical_alignment="center"):
            state_badge(now)
            with st.container():
                progress_line(now)
            act_button(actor, now, "job")
        if now["kind"] == TRAIN.name and (now["state"] == "running" or ended):
            training_curves.draw(actor, now)

    standing()
    if job["error"]:
        error_box(RegistryError(job["error"]["message"], hint=job["error"]["hint"]))
    if job["result"]:
        _RESULTS.get(job["kind"], _result)(actor, job, job["result"])


def way_back() -> None:
    """The button that leads from one job to all of them."""
    if st.button("All jobs", key="job.back", icon=":material/arrow_back:", type="tertiary"):
        st.query_params.clear()
        st.rerun()


def _job(actor: Actor, job_id: str) -> dict[str, Any]:
    return platform().jobs.to_dict(platform().jobs.get(actor, job_id))


def _about(job: dict[str, Any]) -> str:
    about = job["parameters"]
    if job["kind"] == TRAIN.name:
        return training_about(job)
    again = f", run {job['attempts']}" if job["attempts"] > 1 else ""
    if job["kind"] == IMPORT.name:
        return plain(f"{about['file'] or 'An archive'}, sent by {job['owner']}{again}.")
    if job["kind"] == VIDEO.name:
        return plain(f"Version {about.get('version')} on {about.get('name')}, started by {job['owner']}{again}.")
    if job["kind"] != BATCH.name:
        told = f"Version {about['version']} on {about['dataset']}, started" if "dataset" in about else "Started"
        return plain(f"{told} by {job['owner']}{again}.")
    source = "an upload" if about.get("source") == "upload" else f"the folder {about.get('source', '')}"
    if dataset := dataset_of(job["kind"], about):
        source = f"dataset {dataset}, version {about['source'].rpartition('/')[2]}"
    images = many(job["total"], "image")
    return plain(f"Version {about.get('version')} on {images} of {source}, started by {job['owner']}{again}.")


def _links(actor: Actor, job: dict[str, Any], actions: Any) -> None:
    if job["links"]["prefect"] and allowed(actor, Action.OPEN_PREFECT):
        actions.link_button("Open in Prefect", job["links"]["prefect"], icon=":material/open_in_new:")
    if job["links"]["mlflow"] and allowed(actor, Action.OPEN_MLFLOW):
        actions.link_button("Open in MLflow", job["links"]["mlflow"], icon=":material/open_in_new:")


def _result(actor: Actor, job: dict[str, Any], result: dict[str, Any]) -> None:
    figures = {
        "Images answered": result["answered"],
        "Found": result["found"],
        "Not readable": result["failed_total"],
    }
    for index, (column, (label, value)) in enumerate(zip(st.columns(3), figures.items(), strict=True)):
        with column, card(f"job_figure_{index}"):
            st.metric(label, f"{value:,}")
    left, right = st.columns([0.62, 0.38], gap="medium")
    names = {each["name"] for each in result["files"]}
    with left:
        if "annotated.zip" in names:
            _pictures(actor, job["id"])
        if "results.parquet" in names:
            _table(actor, job["id"])
    with right:
        downloads(result["files"])
        if result["labels"]:
            _labels(result["labels"])
        if result["failed"]:
            _failed(result)


def _labels(labels: dict[str, int]) -> None:
    frame = pd.DataFrame(list(labels.items())[:_LABELS], columns=["label", "count"])
    base = alt.Chart(frame).encode(y=alt.Y("label:N", sort=None, title=None))
    bars = base.mark_bar(cornerRadius=3, height=14).encode(
        x=alt.X("count:Q", title=None, axis=None, scale=alt.Scale(domainMax=float(frame["count"].max()) * 1.25)),
        tooltip=[alt.Tooltip("label:N", title="Class"), alt.Tooltip("count:Q", title="Found")],
    )
    values = base.mark_text(align="left", dx=5).encode(x="count:Q", text=alt.Text("count:Q", format=","))
    with card("job_labels"):
        st.subheader("Found by class", anchor=False)
        chart = (bars + values).properties(height=26 * len(frame) + 10, background="transparent")
        st.altair_chart(chart, width="stretch")


def _failed(result: dict[str, Any]) -> None:
    with card("job_failed"):
        st.subheader("Not readable", anchor=False)
        rows = [{"File": plain(each["file"]), "Why": plain(each["message"])} for each in result["failed"]]
        with st.container(height=_FAILED_PX if len(rows) > _FAILED_ROWS else "content", border=False):
            st.table(pd.DataFrame(rows).set_index("File"))  # it folds what is long


def _pictures(actor: Actor, job_id: str) -> None:
    with card("job_pictures"):
        st.subheader("Pictures", anchor=False)
        with _open(actor, job_id, "annotated.zip") as file:
            shown = list(first_pictures(file, _PICTURES))
        for column, (name, jpeg) in zip(_columns(len(shown)), shown, strict=True):
            column.image(jpeg, caption=plain(name.partition("-")[2].removesuffix(".jpg"), longest=40), width="stretch")


def _columns(count: int) -> list[Any]:
    """Three beside each other."""
    return [column for _ in range(0, count, 3) for column in st.columns(3)][:count]


def _table(actor: Actor, job_id: str) -> None:
    with card("job_table"):
        with _open(actor, job_id, "results.parquet") as file:
            table = pq.ParquetFile(file)
            first = next(table.iter_batches(_ROWS), None) if table.metadata.num_rows else None
            total = table.metadata.num_rows
        st.subheader("Results", anchor=False)
        if first is None:
            st.markdown(":gray[Nothing was found in these images.]")
            return
        columns = {  # together as wide as the card on a small laptop
            "file": st.column_config.TextColumn("File", width=150),
            "label": st.column_config.TextColumn("Class", width=80),
            "text": st.column_config.TextColumn("Text", width="medium"),
            "score": st.column_config.ProgressColumn("Score", min_value=0, max_value=1, format="percent", width=110),
            "box": st.column_config.TextColumn("Box", width=150, help="x1, y1, x2, y2 in pixels"),
        }
        frame = with_box(first.to_pandas().drop(columns="class_id", errors="ignore"))
        st.dataframe(frame, hide_index=True, column_config=columns, height=min(38 + 35 * len(frame), 420))
        if total > _ROWS:
            st.caption(f"The first {_ROWS:,} of {total:,} rows.")


def with_box(frame: pd.DataFrame) -> pd.DataFrame:
    """A copy with the four numbers of a box as one text, which takes a third of their room."""
    if not {"x1", "y1", "x2", "y2"} <= set(frame.columns):
        return frame
    corners = frame[["x1", "y1", "x2", "y2"]]
    box = ["" if pd.isna(each).any() else ", ".join(f"{side:.0f}" for side in each) for each in corners.to_numpy()]
    return frame.drop(columns=list(corners.columns)).assign(box=box)


def _open(actor: Actor, job_id: str, name: str) -> BinaryIO:
    return platform().jobs.open_result(actor, job_id, name)[0]
