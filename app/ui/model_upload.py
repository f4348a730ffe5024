"""The card that takes a model in: the form, and the steps of what was sent."""

from typing import get_args

import streamlit as st

from app.ui import upload_steps
from app.ui.frame import card
from app.ui.model_row import access_choice
from app.ui.session import platform
from app.ui.upload_form import upload_form
from registry.access import Actor
from registry.mlflow_file import AccessLevel

_LEVELS: tuple[AccessLevel, ...] = get_args(AccessLevel)
_ID = "upload.id"


def draw(actor: Actor) -> None:
    """The form, and below it the steps of what was sent last."""
    with card("upload"):
        limit_mb = platform().live.current().upload_max_mb
        st.subheader("Upload a model", anchor=False)
        st.markdown(
            ":gray[ONNX, an Ultralytics checkpoint (.pt), TorchScript, Keras (.keras, .h5), a zipped SavedModel, a "
            "frozen .pb, or a zipped pair of ONNX files. It is looked at, converted to ONNX in an isolated process, "
            f"run once and registered; nothing is kept of a file that fails. Up to {limit_mb:,} MiB.]"
        )
        sent = upload_form([(level, access_choice(level)) for level in _LEVELS], "authenticated", limit_mb)
        if sent:
            st.session_state[_ID] = sent
        upload_steps.follow(actor, _ID)
