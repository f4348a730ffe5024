"""Cameras: what they show now, one camera in full, and the way in for new ones."""

import streamlit as st

from app.ui import camera_detail, camera_form, camera_grid, camera_groups
from app.ui.frame import page_header
from app.ui.session import required
from app.ui.states import error_box
from registry.access import Action, allowed
from registry.errors import RegistryError

_ADDING = "cameras.adding"


def draw() -> None:
    """The page."""
    actor = required(Action.READ_CAMERA)
    camera_id = st.query_params.get("camera")
    if camera_id:
        try:
            camera_detail.draw(actor, camera_id)
        except RegistryError as error:
            error_box(error)
            camera_detail.way_back()
        return
    actions = page_header("Cameras", "What they show now, and what they see.")
    if allowed(actor, Action.CHANGE_CAMERA) and actions.button(
        "Groups", key="cameras.groups", icon=":material/folder_open:"
    ):
        camera_groups.manage(actor)
    if allowed(actor, Action.ADD_CAMERA):
        adding = st.session_state.get(_ADDING, False)
        label, icon = ("Close", "close") if adding else ("Add camera", "add")
        look = "secondary" if adding else "primary"
        if actions.button(label, key="cameras.add", type=look, icon=f":material/{icon}:"):  # type: ignore[arg-type]
            st.session_state[_ADDING] = not adding
            st.rerun()
        if adding:
            added = camera_form.draw(actor, None)
            if added is not None:
                st.session_state[_ADDING] = False
                st.query_params["camera"] = added.id
                st.rerun()
    camera_grid.draw(actor)
