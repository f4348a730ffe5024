"""The form that takes an ONNX model in."""

from typing import get_args

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from app.ui.frame import card
from app.ui.model_row import ACCESS, open_model
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import bytes_text, plain
from registry.access import Actor
from registry.errors import InvalidInput, RegistryError
from registry.models.intake import take_in
from registry.models.types import ModelVersion
from registry.runtime.card import ModelCard
from registry.settings import AccessLevel

_LEVELS: tuple[AccessLevel, ...] = get_args(AccessLevel)
_DONE = "upload.done"


def draw(actor: Actor) -> None:
    """The form, and what became of what was sent."""
    limit_mb = platform().settings.upload_max_mb
    with card("upload"), st.form("upload.form", border=False):
        st.subheader("Upload a model", anchor=False)
        st.markdown(
            ":gray[An ONNX file with its weights inside. It is checked, run once on a blank picture and registered; "
            f"nothing is kept of a file that fails. Up to {limit_mb:,} MiB.]"
        )
        file = st.file_uploader("ONNX file", type=["onnx"], key="upload.file", max_upload_size=limit_mb)
        left, right = st.columns(2)
        name = left.text_input("Name", key="upload.name", max_chars=63, placeholder="parts-detector")
        level = right.selectbox(
            "Who may use it", _LEVELS, index=1, key="upload.level", format_func=lambda each: ACCESS[each][0]
        )
        description = st.text_input("Description", key="upload.description", max_chars=400)
        with st.expander("Model card (optional)", icon=":material/description:"):
            st.markdown(":gray[Without a card, task, input and classes are read from the file.]")
            card_text = st.text_area("Card as JSON", key="upload.card", height=160, label_visibility="collapsed")
        pressed = st.form_submit_button("Check and register", type="primary", icon=":material/verified:")
    if pressed:
        try:
            st.session_state[_DONE] = _send(actor, file, name, description, level, card_text)
        except RegistryError as error:
            st.session_state.pop(_DONE, None)
            error_box(error)
    if _DONE in st.session_state:
        _outcome(st.session_state[_DONE])


def _send(
    actor: Actor, file: UploadedFile | None, name: str, description: str, level: AccessLevel, card_text: str
) -> ModelVersion:
    if file is None:
        raise InvalidInput("no file was chosen", hint="Choose an ONNX file first.")
    about = ModelCard.parse(card_text) if card_text.strip() else None
    with st.status("Checking the file, running it once, registering it", expanded=False) as status:
        version = take_in(
            platform().models,
            actor,
            file.getvalue(),
            name.strip(),
            card=about,
            description=description.strip(),
            access_level=level,
        )
        status.update(label="Registered", state="complete")
    return version


def _outcome(version: ModelVersion) -> None:
    st.success(
        f"**{plain(version.name)}** version {version.version} is registered "
        f"({bytes_text(version.size_bytes)}, {version.card.task}, {len(version.card.labels)} classes).",
        icon=":material/check_circle:",
    )
    if st.button("Open the model", key="upload.open", icon=":material/arrow_forward:"):
        del st.session_state[_DONE]
        st.session_state["models.uploading"] = False
        open_model(version.name)
