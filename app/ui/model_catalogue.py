"""The catalogue on the Models page: known models, and the button that fetches one."""

from urllib.parse import urlsplit

import streamlit as st

from app.ui import upload_steps
from app.ui.frame import card
from app.ui.model_row import open_model, task_badge
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import plain
from registry.access import Actor
from registry.errors import RegistryError
from registry.models.catalogue import PRESENT, Offer
from registry.sizes import bytes_text

_ID = "catalogue.id"


def draw(actor: Actor) -> None:
    """Every entry, and below the list the steps of the one that was pulled last."""
    try:
        offers = platform().catalogue.offers(actor)
    except RegistryError as error:
        error_box(error)
        return
    with card("catalogue"):
        st.subheader("From the catalogue", anchor=False)
        st.markdown(
            ":gray[Known models. One that you pull is fetched from its publisher, held against its sha256, and takes "
            "the same way in as an upload. Mind its licence.]"
        )
        upload_steps.follow(actor, _ID)
        for offer in offers:
            _row(actor, offer)


def _row(actor: Actor, offer: Offer) -> None:
    entry = offer.entry
    with st.container(key=f"offer_{entry.name}"):
        left, right = st.columns([0.8, 0.2], vertical_alignment="center")
        with left, st.container(gap=None):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"**{plain(entry.name)}**", width="content")
                task_badge(entry.task)
            st.markdown(f":gray[{plain(entry.description, longest=150)}]")
            st.caption(_about(offer))
        with right, st.container(horizontal=True, horizontal_alignment="right"):
            _button(actor, offer)


def _button(actor: Actor, offer: Offer) -> None:
    name = offer.entry.name
    if offer.state == PRESENT:
        if st.button("Open", key=f"catalogue.open.{name}"):
            open_model(name)
    elif offer.entry.remote and not offer.entry.sha256:
        st.caption(f"No sha256 is known: `nexusai models pull {name}` says how")
    elif st.button("Pull", key=f"catalogue.pull.{name}", icon=":material/download:"):
        st.session_state.pop(_ID, None)
        try:
            st.session_state[_ID] = platform().catalogue.pull(actor, name).id
        except RegistryError as error:
            error_box(error)
        else:
            st.rerun()


def _about(offer: Offer) -> str:
    entry = offer.entry
    size = f"{bytes_text(entry.size_bytes)} " if entry.size_bytes else ""
    where = f"{size}from {plain(urlsplit(entry.source).hostname or '')}"
    parts = [plain(entry.licence), where if entry.remote else "comes with the platform"]
    if entry.page:
        parts.append(f"[about it]({entry.page})")
    return " · ".join(parts)
