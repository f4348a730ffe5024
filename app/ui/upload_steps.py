"""The steps of a model on its way in, drawn again while it is under way."""

import streamlit as st

from app.ui.intake_steps import intake_steps
from app.ui.model_row import open_model
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import plain
from registry.access import Actor
from registry.errors import RegistryError
from registry.models.upload_records import Upload

ADDING = "models.adding"  # whether the ways in are open on the Models page
_POLL_S = 1.0


def open_ways_in() -> None:
    """Go to the Models page, with the ways in open."""
    st.session_state[ADDING] = True
    st.switch_page(st.session_state["pages"]["models"])


def follow(actor: Actor, key: str) -> None:
    """Draw the upload whose id the page's state holds under `key`; nothing if it holds none."""
    upload_id = st.session_state.get(key)
    if not upload_id:
        return
    try:
        ended = platform().uploads.get(actor, upload_id).ended
    except RegistryError as error:
        error_box(error)
        return

    @st.fragment(run_every=None if ended else _POLL_S)
    def steps() -> None:
        upload = platform().uploads.get(actor, upload_id)
        if upload.ended and not ended:
            st.rerun()
        _draw(upload, key)

    steps()


def _draw(upload: Upload, key: str) -> None:
    with st.container(key=f"steps_{key.replace('.', '_')}", gap="xsmall"):
        st.markdown(f"**{plain(upload.model)}**")
        intake_steps(upload.steps)
    if upload.state == "rejected" and upload.error:
        error_box(RegistryError(upload.error["message"], hint=upload.error["hint"]))
    if upload.state == "registered":
        st.success(f"**{plain(upload.model)}** version {upload.version} is registered.", icon=":material/check_circle:")
        if upload.warning:
            st.warning(plain(upload.warning[:1].upper() + upload.warning[1:]), icon=":material/flag:")
        if st.button("Open the model", key=f"{key}.open", icon=":material/arrow_forward:"):
            del st.session_state[key]
            st.session_state[ADDING] = False
            open_model(upload.model)
