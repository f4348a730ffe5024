"""One receiver of notifications: what it is told, how that goes, what can be done to it."""

import streamlit as st

from app.ui import notification_form
from app.ui.confirm import confirmed
from app.ui.frame import card
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import ago, many, plain
from registry.access import Actor
from registry.errors import RegistryError
from registry.notify.receivers import ReceiverView

_KINDS = {"webhook": "webhook", "mqtt": "hub", "email": "mail", "apprise": "forum"}
EVENTS = {
    "object": "objects",
    "offline": "cameras offline",
    "online": "cameras back",
    "disk": "full disks",
    "disagreement": "disagreements",
}


def row(actor: Actor, receiver: ReceiverView, *, may_change: bool) -> None:
    """The card of a receiver."""
    with card(f"receiver_{receiver.id}"):
        left, right = st.columns([0.62, 0.38], vertical_alignment="center")
        state = "" if receiver.is_on else " :gray-badge[switched off]"
        left.markdown(
            f":material/{_KINDS.get(receiver.kind, 'notifications')}: **{plain(receiver.name, longest=80)}**{state}  \n"
            f":gray[{plain(receiver.address, longest=120)} · {_told(receiver)}]  \n{_figures(receiver)}"
        )
        if may_change:
            with right.container(horizontal=True, horizontal_alignment="right"):
                _actions(actor, receiver)
        if receiver.last_error:
            st.warning(plain(receiver.last_error), icon=":material/error:")


def _actions(actor: Actor, receiver: ReceiverView) -> None:
    key = f"notifications.{receiver.id}"
    if st.button("Test", key=f"{key}.test", icon=":material/send:", type="tertiary"):
        _test(actor, receiver)
    if st.button("Change", key=f"{key}.change", icon=":material/edit:", type="tertiary"):
        notification_form.dialog(actor, receiver)
    question = f"{receiver.name} is told nothing any more; what waits for it is dropped."
    if confirmed(f"{key}.delete", "Delete", question, icon="delete", really="Really delete", quiet=True):
        try:
            platform().receivers.delete(actor, receiver.id)
        except RegistryError as error:
            error_box(error)
        else:
            st.rerun()


def _test(actor: Actor, receiver: ReceiverView) -> None:
    try:
        with st.spinner("Sending a test…"):
            platform().receivers.test(actor, receiver.id)
    except RegistryError as error:
        st.toast(plain(error.message), icon=":material/error:")
    else:
        st.toast(f"{plain(receiver.name, longest=80)} took the test", icon=":material/check_circle:")


def _told(receiver: ReceiverView) -> str:
    """Of what it is told, in words."""
    wanted = receiver.wanted
    kinds = [EVENTS[each] for each in wanted.get("kinds", []) if each in EVENTS] or ["everything"]
    parts = [", ".join(kinds)]
    if wanted.get("labels"):
        parts.append(plain(", ".join(wanted["labels"]), longest=80))
    if wanted.get("cameras"):
        parts.append(many(len(wanted["cameras"]), "camera"))
    if wanted.get("groups"):
        parts.append(many(len(wanted["groups"]), "group"))
    if wanted.get("quiet"):
        parts.append("with quiet hours")
    return " · ".join(parts)


def _figures(receiver: ReceiverView) -> str:
    last = f", the last {ago(receiver.last_at)}" if receiver.last_at else ""
    parts = [f"{receiver.delivered:,} delivered{last}", f"{receiver.waiting:,} waiting"]
    if receiver.lost:
        parts.append(f"{receiver.lost:,} lost")
    return " · ".join(parts)
