"""A still picture of a camera to draw on; a plain one where the camera shows none."""

import numpy as np
import streamlit as st

from app.ui.session import platform
from app.ui.text import plain
from registry.access import Actor
from registry.cameras.view import CameraView
from registry.errors import RegistryError
from registry.vision.encoding import encode_jpeg
from registry.vision.image_header import read_header

_HELD = "zones.snapshot"
_BLANK_WH = (1_280, 720)
_DARK = (30, 36, 56)

Still = tuple[bytes, tuple[int, int]]


def snapshot(actor: Actor, camera: CameraView) -> Still:
    """A JPEG with its size, kept while one draws on it: a picture that moves cannot be marked."""
    held = st.session_state.get(_HELD)
    with st.container(horizontal=True, horizontal_alignment="right"):
        again = st.button("Newer picture", key="zones.snapshot.again", icon=":material/refresh:", type="tertiary")
    if not again and held and held[0] == camera.id:
        found: Still = held[1]
        return found
    try:
        jpeg = platform().pictures.still(actor, camera.id, overlay=False)
    except RegistryError as error:
        st.caption(f":orange[:material/videocam_off: {plain(error.message)}]")
        return encode_jpeg(np.full((_BLANK_WH[1], _BLANK_WH[0], 3), _DARK, np.uint8)), _BLANK_WH
    header = read_header(jpeg)
    made = (jpeg, (header.width, header.height))
    st.session_state[_HELD] = (camera.id, made)
    return made
