"""What this machine can run models with, and how to get what is missing."""

import streamlit as st

from app.ui.frame import card
from app.ui.text import many, plain
from registry.access import Action, Actor, allowed
from registry.runtime.backends import Standing, survey

_NAMES = {
    "onnxruntime-cpu": "ONNX Runtime, processor",
    "onnxruntime-cuda": "ONNX Runtime, CUDA",
    "onnxruntime-tensorrt": "ONNX Runtime, TensorRT",
    "openvino": "OpenVINO, processor",
}


def draw(actor: Actor) -> None:
    """A line that opens, for those who publish models."""
    if not allowed(actor, Action.PUBLISH_MODEL):
        return
    found = survey()
    usable = sum(each.usable for each in found)
    with st.expander(f"This machine runs models by {many(usable, 'backend')}", icon=":material/memory:"):
        for column, standing in zip(st.columns(len(found)), found, strict=True):
            with column, card(f"runtime_{standing.backend}"):
                _standing(standing)


def _standing(standing: Standing) -> None:
    st.markdown(f"**{_NAMES[standing.backend]}**")
    if standing.usable:
        st.badge("Usable", icon=":material/check:", color="green")
    else:
        st.badge("Not here", icon=":material/block:", color="gray")
    st.caption(plain(standing.detail[:1].upper() + standing.detail[1:]))
    if standing.hint:
        st.caption(plain(standing.hint))
