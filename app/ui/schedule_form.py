"""The form for a schedule, new or changed."""

from zoneinfo import available_timezones

import streamlit as st

from app.ui import parameter_fields
from app.ui.attempt import attempt
from app.ui.frame import card
from app.ui.session import platform
from app.ui.text import plain
from registry.access import Action, Actor, allowed
from registry.errors import RegistryError
from registry.jobs.cron import next_times
from registry.jobs.kinds import KINDS, OPTIMISE, TUNE, VIDEO
from registry.jobs.schedules import Plan
from registry.jobs.tuning_parameters import STARTER
from registry.records import Schedule, utc_now

EDITING = "schedules.editing"
_MEASURES = {OPTIMISE.name, TUNE.name}  # also on the starter dataset, which is none of the registry
_USUAL = {
    "15 3 * * *": "Every night, 3:15",
    "0 6 * * 1-5": "Working days, 6:00",
    "0 * * * *": "Every hour",
    "0 4 * * 0": "Sundays, 4:00",
    "0 4 1 * *": "The first of the month, 4:00",
    "": "Other times",
}


def draw(actor: Actor, schedule: Schedule | None) -> None:
    """The form; what is saved closes it."""
    key = f"schedule.{schedule.id if schedule else 'new'}"
    with card("schedule_form"):
        st.subheader("Change the schedule" if schedule else "New schedule", anchor=False)
        left, right = st.columns(2, gap="medium")
        with left:
            name = st.text_input("Name", schedule.name if schedule else "", key=f"{key}.name", max_chars=80)
            kind = _kind(actor, schedule, key)
            cron = _cron(schedule, key)
            zone = _zone(schedule, key)
            _says(cron, zone)
        with right:
            given = schedule.parameters if schedule and schedule.kind == kind else {}
            wanted = platform().schedules.starts[kind].parameters
            parameters = parameter_fields.draw(f"{key}.{kind}", wanted, given, _known(actor, kind))
        plan = Plan(name, kind, parameters, cron, zone, schedule.active if schedule else True)
        with st.container(horizontal=True):
            save = st.button("Save", key=f"{key}.save", type="primary", icon=":material/save:")
            st.button("Close", key=f"{key}.close", on_click=_close)
        if save:
            attempt(lambda: _save(actor, schedule, plan), "The schedule is saved")


def _save(actor: Actor, schedule: Schedule | None, plan: Plan) -> None:
    if schedule:
        platform().schedules.update(actor, schedule.id, plan)
    else:
        platform().schedules.create(actor, plan)
    _close()


def _close() -> None:
    st.session_state[EDITING] = ""


def _known(actor: Actor, kind: str) -> dict[str, dict[str, str]]:
    """The models, datasets and cameras that a schedule may name, by what they are called."""
    models, _ = platform().models.list(actor, size=500)
    datasets, _ = platform().datasets.list(actor, size=500)
    names = [each.record.name for each in datasets]
    found = {
        "model": {each.name: each.name for each in models},
        "dataset": {name: name for name in ([STARTER, *names] if kind in _MEASURES else names)},
    }
    if kind == VIDEO.name and allowed(actor, Action.READ_CAMERA):
        cameras, _ = platform().cameras.page(actor, size=500)
        found["camera"] = {each.id: each.record.name for each in cameras}
    return found


def _kind(actor: Actor, schedule: Schedule | None, key: str) -> str:
    starts = platform().schedules.starts
    offered = [each for each in starts if all(allowed(actor, action) for action in starts[each].actions)]
    first = offered.index(schedule.kind) if schedule and schedule.kind in offered else 0
    return st.selectbox("Job", offered, first, key=f"{key}.kind", format_func=lambda each: KINDS[each].title)


def _cron(schedule: Schedule | None, key: str) -> str:
    known = schedule.cron if schedule else next(iter(_USUAL))
    options = list(_USUAL)
    first = options.index(known) if known in options else options.index("")
    chosen = st.selectbox("When", options, first, key=f"{key}.usual", format_func=_USUAL.__getitem__)
    if chosen:
        return chosen
    return st.text_input(
        "Cron expression", known, key=f"{key}.cron", help="minute, hour, day of the month, month, day of the week"
    ).strip()


def _zone(schedule: Schedule | None, key: str) -> str:
    zones = sorted(available_timezones())
    known = schedule.time_zone if schedule else "UTC"
    return st.selectbox("Time zone", zones, zones.index(known if known in zones else "UTC"), key=f"{key}.zone")


def _says(cron: str, zone: str) -> None:
    try:
        found = next_times(cron, zone, utc_now(), 2)
    except RegistryError as error:
        st.caption(f":red[{plain(error.message)}]")
    else:
        st.caption("Next: " + plain(" and ".join(f"{each:%d %b %Y, %H:%M} UTC" for each in found)))
