"""A job as lists show it."""

from datetime import datetime
from typing import Any

import streamlit as st

from app.ui.frame import card
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import ago, badge_text, many, plain
from registry.access import Actor
from registry.errors import RegistryError
from registry.jobs.kinds import IMPORT, KINDS, TRAIN, VIDEO
from registry.records.jobs import is_final

STATES = {
    "queued": ("Queued", "schedule", "gray"),
    "running": ("Running", "progress_activity", "blue"),
    "succeeded": ("Succeeded", "check_circle", "green"),
    "failed": ("Failed", "error", "red"),
    "cancelled": ("Cancelled", "cancel", "orange"),
}
_IN_PERCENT = frozenset({"optimise", "tune", "clean", "backup"})


def job_row(actor: Actor, job: dict[str, Any]) -> None:
    """One job with its progress and what can be done with it."""
    with card(f"job_{job['id']}"):
        left, right = st.columns([0.74, 0.26], vertical_alignment="center")
        with left, st.container(gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                if st.button(f"**{title(job)}**", key=f"jobs.name.{job['id']}", type="tertiary"):
                    open_job(job["id"])
                state_badge(job)
            progress_line(job)
            st.caption(f"{plain(job['owner'], longest=32)} · {ago(job['created_at'])}{_took(job)}")
        with right, st.container(horizontal=True, horizontal_alignment="right"):
            act_button(actor, job, "jobs")
            if st.button("Details", key=f"jobs.open.{job['id']}"):
                open_job(job["id"])


def title(job: dict[str, Any]) -> str:
    """What a job does, in words."""
    kind, about = KINDS.get(job["kind"]), job["parameters"]
    name = kind.title if kind else job["kind"]
    if job["kind"] == TRAIN.name:
        return plain(f"{name} of {about['model']}")
    if job["kind"] == IMPORT.name:
        return plain(f"{name} of {about['name']}")
    if job["kind"] == VIDEO.name:
        return plain(f"{name} of {about['name']} with {about['model']}")
    return plain(f"{name} with {about['model']}" if "model" in about else name)


def training_about(job: dict[str, Any]) -> str:
    """What a training starts from and learns from."""
    about = job["parameters"]
    start = about["parent"] or "nothing"
    again = f", run {job['attempts']}" if job["attempts"] > 1 else ""
    data = f"{about['dataset']}/{about['dataset_version']}"
    return plain(f"From {start}, on dataset {data}, started by {job['owner']}{again}.")


def state_badge(job: dict[str, Any]) -> None:
    """Where a job stands."""
    label, icon, colour = STATES[job["state"]]
    if job["cancelling"]:
        label, icon, colour = "Stopping", "stop_circle", "orange"
    st.badge(badge_text(label), icon=f":material/{icon}:", color=colour)  # type: ignore[arg-type]


def progress_line(job: dict[str, Any]) -> None:
    """A bar while it runs, a sentence before and after."""
    if job["state"] == "running":
        left = f" :gray[about {duration(job['seconds_left'])} left]" if job["seconds_left"] is not None else ""
        counted = f"{job['progress']:.0%}, {plain(job['stage'])}" if job["kind"] in _IN_PERCENT else _count(job)
        if job["kind"] == TRAIN.name and job["stage"]:
            counted = plain(job["stage"])
        st.progress(job["progress"], text=f"{counted}{left}")
    elif job["state"] == "queued":
        st.markdown(f":gray[{plain(job['waiting_for'])}]")
    else:
        st.markdown(f":gray[{_outcome(job)}]")


def _count(job: dict[str, Any]) -> str:
    return f"{job['done']:,} of {job['total']:,}"


def act_button(actor: Actor, job: dict[str, Any], page: str) -> None:
    """The way to stop a job that has not ended, or to run one again that has failed."""
    jobs = platform().jobs
    if not is_final(job["state"]):
        label, icon, act, is_waiting = "Cancel", "stop", jobs.cancel, job["cancelling"]
    elif job["may_be_retried"]:
        label, icon, act, is_waiting = "Try again", "replay", jobs.retry, False
    else:
        return
    key = f"{page}.{act.__name__}.{job['id']}"
    if st.button(label, key=key, icon=f":material/{icon}:", disabled=is_waiting):
        try:
            act(actor, job["id"])
        except RegistryError as error:
            error_box(error)
        else:
            st.rerun(scope="fragment" if page == "jobs" else "app")


def open_job(job_id: str) -> None:
    """Go to a job's page."""
    st.switch_page(st.session_state["pages"]["jobs"], query_params={"job": job_id})


def duration(seconds: float) -> str:
    """A number of seconds as people say it."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3_600:.1f} h"


def _took(job: dict[str, Any]) -> str:
    started: datetime | None = job["started_at"]
    finished: datetime | None = job["finished_at"]
    return f" · took {duration((finished - started).total_seconds())}" if started and finished else ""


def _outcome(job: dict[str, Any]) -> str:
    if job["error"]:
        return plain(job["error"]["message"], longest=160)
    result = job["result"] or {}
    if result.get("figures"):
        headline = result["headline"]
        made = f"Version {result['model']['version']} of {result['model']['name']}"
        return plain(f"{made}: {headline} {result['figures'][headline]:.3f} on the test split")
    if job["kind"] == TRAIN.name and result.get("epochs"):
        return f"Stopped after {result['epochs']} epochs; the best network until then is kept."
    if job["kind"] == IMPORT.name and result and not result.get("is_new", True):
        return plain(f"Nothing new: it equals {result['dataset']} version {result['version']}.", longest=160)
    if job["kind"] == IMPORT.name and result:
        return plain(f"{result['dataset']} version {result['version']}: {many(result['images'], 'image')}", longest=160)
    if "verdict" in result:
        return plain(result["verdict"], longest=160)
    if "tracks" in result:
        return f"{many(result['pictures'], 'picture')} looked at, {many(result['tracks'], 'track')}"
    if "answered" not in result:
        return "Nothing was finished." if job["state"] == "cancelled" else "Done."
    failed = f", {result['failed_total']:,} could not be read" if result["failed_total"] else ""
    if result["images"] < job["total"]:
        return f"{result['answered']:,} of {many(job['total'], 'image')} answered{failed}"
    return f"{many(result['answered'], 'image')} answered{failed}"
