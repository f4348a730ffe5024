"""Notifications: who is told of what the cameras see."""

import streamlit as st

from app.ui import notification_form
from app.ui.frame import page_header
from app.ui.notification_row import row
from app.ui.session import platform, required
from app.ui.states import empty_state
from registry.access import Action, allowed


def draw() -> None:
    """The page."""
    actor = required(Action.READ_NOTIFICATION)
    may_change = allowed(actor, Action.CHANGE_NOTIFICATION)
    header = page_header("Notifications", "Who is told when a camera sees something, goes offline or comes back.")
    if may_change and header.button("Add receiver", key="notifications.add", type="primary", icon=":material/add:"):
        notification_form.dialog(actor, None)
    secret = st.session_state.pop(notification_form.MADE, None)
    if secret:
        st.success(
            "Notifications of the new webhook are signed with this. It is shown this once.", icon=":material/key:"
        )
        st.code(secret, language=None)
    found = platform().receivers.list(actor)
    if not found:
        empty_state(
            "notifications_off", "Nobody is told yet", "Add a webhook, an MQTT broker for Home Assistant, or e-mail."
        )
    for receiver in found:
        row(actor, receiver, may_change=may_change)
