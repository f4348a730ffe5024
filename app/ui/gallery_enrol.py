"""Enrolling a face or an object: a name and some pictures."""

import streamlit as st

from app.ui.frame import card
from app.ui.model_choice import Which
from app.ui.picture import upload_pictures
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import many, plain
from registry.access import Actor
from registry.errors import RegistryError
from registry.models.gallery import Embedder
from registry.models.many import each

_TURN = "gallery.enrol_turn"  # a new key empties the uploader


def draw(actor: Actor, gallery: str, which: Which) -> None:
    """The form; one picture that cannot be read is named, the others are enrolled."""
    turn = int(st.session_state.get(_TURN, 0))
    with card("gallery_enrol"):
        st.subheader("Enrol", anchor=False)
        label = st.text_input("Name", key=f"gallery.label.{turn}", max_chars=120, placeholder="Who or what it is")
        pictures = upload_pictures(f"gallery.enrol.{turn}")
        st.caption("One face or object a picture. Several pictures, from different sides, recognise it better.")
        pressed = st.button(
            "Enrol",
            key="gallery.enrol",
            type="primary",
            icon=":material/person_add:",
            disabled=not pictures,
        )
    if not pressed:
        return
    embedder = Embedder(which.model.name, which.version, which.alias)
    enrolled, failed = 0, []
    try:
        for outcome in each(pictures, lambda image: platform().gallery.enrol(actor, image, embedder, label, gallery)):
            enrolled += outcome.error is None
            failed += [outcome] if outcome.error else []
    except RegistryError as error:
        error_box(error)
        return
    for outcome in failed:
        if outcome.error:
            st.error(
                f"**{plain(outcome.picture.name)}**: {plain(outcome.error.message)}", icon=":material/broken_image:"
            )
    if enrolled:
        st.session_state["gallery.opened"] = gallery
        st.toast(f"{plain(label)}: {many(enrolled, 'picture')} enrolled", icon=":material/check_circle:")
        if not failed:
            st.session_state[_TURN] = turn + 1
            st.rerun()
