"""The groups of cameras: made, renamed, deleted."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from app.ui.confirm import confirmed
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import many, plain
from registry.access import Actor
from registry.cameras.asked import GroupAsked, GroupChange
from registry.cameras.configuration import parsed
from registry.errors import RegistryError


@st.dialog("Groups of cameras", width="medium")
def manage(actor: Actor) -> None:
    """The list of groups with what can be done to each, and the field for a new one."""
    with st.form("groups.new", border=False, clear_on_submit=True):
        left, middle, right = st.columns([0.34, 0.44, 0.22], vertical_alignment="bottom")
        name = left.text_input("Name", key="groups.name", max_chars=80, placeholder="Hall 2")
        about = middle.text_input("What they have in common", key="groups.about", max_chars=400)
        made = right.form_submit_button("Add group", icon=":material/add:", width="stretch")
    if made:
        asked = {"name": name, "description": about}
        _try(lambda: platform().camera_groups.create(actor, parsed(GroupAsked, asked, "group")))
    groups = platform().camera_groups.list(actor)
    if not groups:
        st.markdown(":gray[No groups yet. A group is a filter of the grid, of events and of recordings.]")
    for group in groups:
        _row(actor, group)


def _row(actor: Actor, group: dict[str, Any]) -> None:
    key = f"groups.{group['id']}"
    left, right = st.columns([0.6, 0.4], vertical_alignment="center")
    left.markdown(
        f"**{plain(group['name'], longest=80)}**  \n"
        f":gray[{many(group['cameras'], 'camera')}{_about(group['description'])}]"
    )
    with right.container(horizontal=True, horizontal_alignment="right"):
        with st.popover("Rename", type="tertiary", key=f"{key}.rename"):
            name = st.text_input("Name", group["name"], key=f"{key}.name", max_chars=80)
            about = st.text_input("What they have in common", group["description"], key=f"{key}.about", max_chars=400)
            if st.button("Save", key=f"{key}.save", type="primary"):
                change = {"name": name, "description": about}
                _try(lambda: platform().camera_groups.update(actor, group["id"], parsed(GroupChange, change, "group")))
        question = f"{group['name']} is deleted. Its {many(group['cameras'], 'camera')} stay, in no group."
        if confirmed(f"{key}.delete", "Delete", question, icon="delete", really="Really delete", quiet=True):
            _try(lambda: platform().camera_groups.delete(actor, group["id"]))


def _about(description: str) -> str:
    return f" · {plain(description, longest=90)}" if description else ""


def _try(change: Callable[[], object]) -> None:
    try:
        change()
    except RegistryError as error:
        error_box(error)
    else:
        st.rerun(scope="fragment")
