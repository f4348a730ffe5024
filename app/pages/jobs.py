"""Jobs: what runs in the background, how far it is, what came of it."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.ui import batch_form, filters, job_detail, recorded_part, schedule_list, video_form
from app.ui.frame import page_header
from app.ui.job_row import STATES, job_row
from app.ui.pager import page_number, pager
from app.ui.session import platform, required
from app.ui.states import empty_state, error_box
from registry.access import Action, Actor, allowed
from registry.errors import JobNotFound, RegistryError
from registry.jobs.kinds import KINDS
from registry.records import Role
from registry.records.jobs import is_final

_SIZE = 10
_POLL_S = 1.5
_GONE = "It may have been removed since, or be somebody else's. All jobs, below, leads to those that are there."


def draw() -> None:
    """The page."""
    actor = required(Action.READ_JOB)
    job_id = st.query_params.get("job")
    if job_id:
        try:
            job_detail.draw(actor, job_id)
        except RegistryError as error:
            error_box(JobNotFound(error.message, hint=_GONE) if isinstance(error, JobNotFound) else error)
            job_detail.way_back()
        return
    actions = page_header("Jobs", "Work that takes longer: it goes on when you close the page.")
    if allowed(actor, Action.START_JOB):
        _start(actor, actions)
    if not allowed(actor, Action.READ_SCHEDULE):
        _jobs(actor)
        return
    jobs, schedules = st.tabs(["Jobs", "Schedules"], key="jobs.tab", on_change="rerun")
    if jobs.open:
        with jobs:
            _jobs(actor)
    if schedules.open:
        with schedules:
            schedule_list.draw(actor)


def _jobs(actor: Actor) -> None:
    sees_others = actor.role == Role.ADMIN
    first, second, third, *fourth = st.columns([0.37, 0.21, 0.21, 0.21] if sees_others else [0.48, 0.26, 0.26])
    with first:
        search = filters.words("jobs", "search", "Search ids and names")
    with second:
        kind = filters.choice("jobs", "kind", "Kind", {"": "Every kind"} | {k: v.title for k, v in KINDS.items()})
    with third:
        state = filters.choice("jobs", "state", "State", {"": "Every state"} | {k: v[0] for k, v in STATES.items()})
    owner = ""
    for column in fourth:
        with column:
            owner = filters.words("jobs", "owner", "Owner", icon="person", longest=64)
    _list(actor, {"kind": kind, "state": state, "owner": owner, "search": search})


def _start(actor: Actor, actions: DeltaGenerator) -> None:
    """The ways to start something, or the form of the one that was chosen."""
    forms = {"batch": batch_form, "video": video_form}
    starting = st.session_state.get("jobs.starting", "")
    if starting in forms:
        if actions.button("Close", key="jobs.close", icon=":material/close:"):
            st.session_state["jobs.starting"] = ""
            recorded_part.forget()
            st.rerun()
        forms[starting].draw(actor)
        return
    for kind in forms:
        if actions.button(f"New {kind}", key=f"jobs.new.{kind}", type="primary", icon=":material/add:"):
            st.session_state["jobs.starting"] = kind
            st.rerun()


def _list(actor: Actor, wanted: dict[str, str]) -> None:
    found, _ = platform().jobs.page(actor, **wanted, number=page_number("jobs"), size=_SIZE)
    moving = any(not is_final(job.state) for job in found) or bool(wanted["state"])

    @st.fragment(run_every=_POLL_S if moving else None)
    def rows() -> None:
        jobs, total = platform().jobs.page(actor, **wanted, number=page_number("jobs"), size=_SIZE)
        if not jobs:
            _nothing(filtered=any(wanted.values()))
            return
        runner = platform().jobs.runner()
        for job in jobs:
            job_row(actor, platform().jobs.to_dict(job, runner))
        pager("jobs", total, _SIZE, "job")

    rows()


def _nothing(*, filtered: bool) -> None:
    if filtered:
        empty_state("search_off", "No such jobs", "Try another word, or show every kind and state.")
    else:
        empty_state(
            "work_history",
            "No jobs yet",
            "Start a batch to run a model on many images, or a video to have it analysed.",
        )
