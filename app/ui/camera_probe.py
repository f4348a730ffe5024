"""Trying a camera's connection before it is stored: a picture of it, or what is wrong."""

import hashlib
from typing import Any

import streamlit as st

from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import plain
from registry.access import Actor
from registry.cameras.asked import Tried
from registry.cameras.configuration import parsed
from registry.cameras.probing import Probed
from registry.cameras.view import CameraView
from registry.errors import InvalidInput, RegistryError


def draw(actor: Actor, key: str, address: dict[str, Any], camera: CameraView | None) -> None:
    """The button, and below it what came of the last test of this very address."""
    kept, about = f"{key}.probed", _mark(address)
    if st.button("Test the connection", key=f"{key}.test", icon=":material/network_check:"):
        st.session_state.pop(kept, None)
        asked = {**address, "camera_id": camera.id if camera else None}
        try:
            if not address["url"]:
                raise InvalidInput("there is no address to try yet", hint="Write the address of the stream first.")
            with st.spinner("Looking at it for some seconds"):
                st.session_state[kept] = (about, platform().probes.test(actor, parsed(Tried, asked, "camera")))
        except RegistryError as error:
            error_box(error)
    held = st.session_state.get(kept)
    if held and held[0] == about:
        _show(held[1])


def _show(found: Probed) -> None:
    if not found.ok:
        st.error(
            f"**{plain(found.words or found.reason)}**  \n:gray[{plain(found.detail)}]", icon=":material/videocam_off:"
        )
        return
    picture, facts = st.columns([0.6, 0.4], vertical_alignment="center")
    picture.image(found.preview, width="stretch")
    facts.markdown(
        f":green[:material/check_circle:] **It works**  \n{found.width} × {found.height}  \n"
        f"{found.fps:g} pictures a second  \n{plain(found.codec.upper() or 'video')}"
    )


def _mark(address: dict[str, Any]) -> str:
    """Tells what was typed from what is typed now, without keeping it."""
    return hashlib.sha256(repr(sorted(address.items())).encode()).hexdigest()
