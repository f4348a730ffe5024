"""Sending an event to a dataset: one that is there, or a new one."""

import streamlit as st

from app.ui.dataset_row import open_dataset
from app.ui.frame import card
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import plain
from registry.access import Action, Actor, allowed
from registry.errors import RegistryError
from registry.records import CameraEvent
from registry.training.datasets.catalogue import target_of
from registry.training.datasets.sample import DatasetTask

_NEW = "\0new"
_LAST = "events.dataset"


def draw(actor: Actor, event: CameraEvent) -> None:
    """Where the event went, or the way to send it; nothing for who may not."""
    if event.sent_to:
        _sent(event)
    elif event.snapshot and allowed(actor, Action.ADD_DATASET):
        _form(actor, event)


def _sent(event: CameraEvent) -> None:
    name, _, number = event.sent_to.partition("/")
    with card("event_sent"), st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":green[:material/check_circle:] In **{plain(name)}**, version {plain(number)}")
        if st.button("Open", key="event.dataset.open"):
            open_dataset(name)


def _form(actor: Actor, event: CameraEvent) -> None:
    names = _datasets(actor)
    with card("event_dataset"):
        st.markdown("**Send to a dataset**  \n:gray[The picture becomes a sample, its box a label to check.]")
        options = [*names, _NEW]
        last = st.session_state.get(_LAST, options[0])
        chosen = st.selectbox(
            "Dataset",
            options,
            index=options.index(last) if last in options else 0,
            key="event.dataset.name",
            format_func=lambda each: "New dataset…" if each == _NEW else each,
        )
        name = chosen
        if chosen == _NEW:
            name = st.text_input("Name of the new dataset", key="event.dataset.new", max_chars=63, placeholder="gate")
        if not st.button("Send", key="event.dataset.send", icon=":material/send:"):
            return
        try:
            with st.spinner("Making a new version"):
                version = platform().event_samples.send(actor, event.id, name.strip())
        except RegistryError as error:
            error_box(error)
        else:
            st.session_state[_LAST] = name.strip()
            st.toast(f"In {plain(name.strip())}, version {version.number}", icon=":material/check_circle:")
            st.rerun()


def _datasets(actor: Actor) -> list[str]:
    """The datasets for detection that the actor may change."""
    found, _ = platform().datasets.list(actor, task=DatasetTask.DETECT, size=500)
    return [each.record.name for each in found if allowed(actor, Action.CHANGE_DATASET, target_of(each.record))]
