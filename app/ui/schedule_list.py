"""The schedules one may see: when each comes next, what it started last, what can be done with it."""

import streamlit as st

from app.ui import schedule_form
from app.ui.attempt import attempt
from app.ui.confirm import confirmed
from app.ui.frame import card
from app.ui.job_row import open_job
from app.ui.pager import page_number, pager
from app.ui.schedule_form import EDITING
from app.ui.session import platform
from app.ui.states import empty_state, error_box
from app.ui.text import ago, badge_text, plain
from registry.access import Action, Actor, allowed
from registry.errors import RegistryError
from registry.jobs.kinds import KINDS
from registry.jobs.schedules import Plan
from registry.records import Schedule

_SIZE = 10


def draw(actor: Actor) -> None:
    """The list with the form above it."""
    found, total = platform().schedules.page(actor, number=page_number("schedules"), size=_SIZE)
    may = allowed(actor, Action.CHANGE_SCHEDULE)
    editing = st.session_state.get(EDITING, "")
    if may and not editing and st.button("New schedule", key="schedules.new", icon=":material/add:"):
        st.session_state[EDITING] = "new"
        st.rerun()
    if may and editing:
        schedule_form.draw(actor, next((each for each in found if each.id == editing), None))
    if not found:
        empty_state("event_repeat", "No schedules", "A schedule starts a job again and again, at the times you choose.")
        return
    for schedule in found:
        _row(actor, schedule, may=may)
    pager("schedules", total, _SIZE, "schedule")


def _row(actor: Actor, schedule: Schedule, *, may: bool) -> None:
    with card(f"schedule_{schedule.id}"):
        left, right = st.columns([0.62, 0.38], vertical_alignment="center")
        with left, st.container(gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"**{plain(schedule.name)}**", width="content")
                kind = KINDS.get(schedule.kind)
                st.badge(badge_text(kind.title if kind else schedule.kind), color="blue")
                if not schedule.active:
                    st.badge("Paused", icon=":material/pause:", color="gray")
            st.markdown(f":gray[`{schedule.cron}` {plain(schedule.time_zone)}{_next(schedule)}]")
            if schedule.problem:
                st.markdown(f":red[{plain(schedule.problem)}]")
            last = f" · last started {ago(schedule.last_at)}" if schedule.last_at else ""
            st.caption(f"{plain(schedule.owner_name, longest=32)}{last}")
        with right, st.container(horizontal=True, horizontal_alignment="right"):
            if schedule.last_job_id and st.button("Last job", key=f"schedules.job.{schedule.id}"):
                open_job(schedule.last_job_id)
            if may:
                _changes(actor, schedule)


def _changes(actor: Actor, schedule: Schedule) -> None:
    if st.button("Run now", key=f"schedules.run.{schedule.id}", icon=":material/play_arrow:"):
        try:
            job = platform().schedules.run_now(actor, schedule.id)
        except RegistryError as error:
            error_box(error)
        else:
            open_job(job.id)
    with st.popover("", icon=":material/more_vert:", key=f"schedules.more.{schedule.id}"):
        if st.button("Change", key=f"schedules.edit.{schedule.id}", icon=":material/edit:", type="tertiary"):
            st.session_state[EDITING] = schedule.id
            st.rerun()
        word, icon = ("Pause", "pause") if schedule.active else ("Resume", "play_arrow")
        if st.button(word, key=f"schedules.pause.{schedule.id}", icon=f":material/{icon}:", type="tertiary"):
            plan = Plan(
                schedule.name,
                schedule.kind,
                schedule.parameters,
                schedule.cron,
                schedule.time_zone,
                not schedule.active,
            )
            attempt(lambda: platform().schedules.update(actor, schedule.id, plan), f"{word}d")
        question = f"Delete {schedule.name}? The jobs that it started stay."
        sure = confirmed(
            f"schedules.delete.{schedule.id}", "Delete", question, icon="delete", really="Delete it", quiet=True
        )
        if sure:
            attempt(lambda: platform().schedules.delete(actor, schedule.id), "The schedule is deleted")


def _next(schedule: Schedule) -> str:
    return f", next {schedule.next_at:%d %b %Y, %H:%M} UTC" if schedule.next_at else ""
