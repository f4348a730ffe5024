"""The form of a receiver of notifications."""

from datetime import time
from typing import Any

import streamlit as st

from app.ui.session import platform
from app.ui.states import error_box
from registry.access import Actor
from registry.cameras.configuration import parsed
from registry.errors import RegistryError
from registry.notify.asked import ReceiverAsked
from registry.notify.receivers import ReceiverView
from registry.records import Role

MADE = "notifications.secret"  # of a new webhook, shown once by the page
_NAMES = {"webhook": "Webhook", "mqtt": "MQTT", "email": "E-mail", "apprise": "Apprise"}
_ADDRESSES = {
    "webhook": "https://hooks.example.com/cameras",
    "mqtt": "mqtt://broker.lan:1883",
    "email": "smtp://mail.example.com:587",
    "apprise": "tgram://…",
}
_EVENTS = {
    "object": "Objects",
    "offline": "Camera offline",
    "online": "Camera back",
    "disk": "Disk full",
    "disagreement": "Disagreements",
}


@st.dialog("Receiver of notifications", width="medium")
def dialog(actor: Actor, receiver: ReceiverView | None) -> None:
    """A new receiver, or one to change."""
    draw(actor, receiver)


def draw(actor: Actor, receiver: ReceiverView | None) -> None:
    """The fields, and what becomes of them."""
    key = f"notification.{receiver.id if receiver else 'new'}"
    kind = receiver.kind if receiver else _kind(key, actor)
    with st.form(key, border=False):
        asked = _where(key, kind, receiver)
        asked["wanted"] = _what(key, actor, receiver.wanted if receiver else {})
        asked["is_on"] = st.toggle("Switched on", receiver.is_on if receiver else True, key=f"{key}.on")
        if not st.form_submit_button("Save", type="primary", icon=":material/check:"):
            return
    try:
        wanted = parsed(ReceiverAsked, {"kind": kind, **asked}, "receiver")
        if receiver is None:
            st.session_state[MADE] = platform().receivers.create(actor, wanted).secret
        else:
            platform().receivers.update(actor, receiver.id, wanted)
    except RegistryError as error:
        error_box(error)
    else:
        st.rerun()


def _kind(key: str, actor: Actor) -> str:
    kinds = [each for each in _NAMES if each != "apprise" or actor.role == Role.ADMIN]
    chosen = st.segmented_control("Kind", kinds, default="webhook", format_func=_NAMES.__getitem__, key=f"{key}.kind")
    return chosen or "webhook"


def _where(key: str, kind: str, receiver: ReceiverView | None) -> dict[str, Any]:
    options = receiver.options if receiver else {}
    name = st.text_input("Name", receiver.name if receiver else "", key=f"{key}.name", max_chars=80)
    address = st.text_input(
        "Address",
        receiver.address if receiver else "",
        key=f"{key}.address",
        placeholder=_ADDRESSES[kind],
        max_chars=1_000,
    )
    asked: dict[str, Any] = {"name": name, "address": address}
    if kind in {"mqtt", "email"}:
        left, right = st.columns(2)
        hint = "leave it empty to keep what is stored" if receiver and receiver.has_secret else "if it asks for one"
        asked["username"] = left.text_input("User name", key=f"{key}.username", placeholder=hint) or None
        asked["secret"] = right.text_input("Password", key=f"{key}.secret", type="password", placeholder=hint) or None
    if kind == "mqtt":
        topic = st.text_input("Topic", options.get("topic", "nexusai"), key=f"{key}.topic", max_chars=120)
        found = st.checkbox("Home Assistant finds the cameras", options.get("discovery", True), key=f"{key}.discovery")
        asked["options"] = {**options, "topic": topic, "discovery": found}
    elif kind == "email":
        sender = st.text_input("From", options.get("sender", ""), key=f"{key}.sender", placeholder="nexus@example.com")
        to = st.text_input("To", ", ".join(options.get("to", [])), key=f"{key}.to", placeholder="ada@example.com, …")
        asked["options"] = {**options, "sender": sender, "to": [each.strip() for each in to.split(",") if each.strip()]}
    return asked


def _what(key: str, actor: Actor, wanted: dict[str, Any]) -> dict[str, Any]:
    cameras = {each.id: each.record.name for each in platform().cameras.page(actor, size=2_000)[0]}
    kinds = st.pills(
        "Tell of",
        list(_EVENTS),
        selection_mode="multi",
        default=wanted.get("kinds", []),
        format_func=_EVENTS.__getitem__,
        key=f"{key}.kinds",
        help="nothing chosen: all but disagreements of models",
    )
    left, right = st.columns(2)
    known = [each for each in wanted.get("cameras", []) if each in cameras]
    chosen = left.multiselect(
        "Cameras", list(cameras), known, format_func=cameras.__getitem__, key=f"{key}.cameras", placeholder="all"
    )
    labels = right.text_input("Labels", ", ".join(wanted.get("labels", [])), key=f"{key}.labels", placeholder="all")
    told = {
        **wanted,
        "kinds": kinds,
        "cameras": chosen,
        "labels": [each.strip() for each in labels.split(",") if each.strip()],
    }
    return told | _quiet(key, wanted)


def _quiet(key: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """The first span of quiet hours; what else there is stays as it is."""
    spans = list(wanted.get("quiet", []))
    first = spans[0] if spans else {"begin": "22:00:00", "end": "06:00:00"}
    on, left, middle, right = st.columns([0.26, 0.2, 0.2, 0.34], vertical_alignment="bottom")
    is_quiet = on.checkbox("Quiet hours", bool(spans), key=f"{key}.quiet")
    begin = left.time_input("From", time.fromisoformat(first["begin"]), key=f"{key}.begin")
    end = middle.time_input("To", time.fromisoformat(first["end"]), key=f"{key}.end")
    zone = right.text_input("Time zone", wanted.get("time_zone", "UTC"), key=f"{key}.zone", max_chars=60)
    if not is_quiet:
        return {"quiet": [], "time_zone": zone}
    span = {**first, "begin": begin.isoformat(), "end": end.isoformat()}
    return {"quiet": [span, *spans[1:]], "time_zone": zone}
