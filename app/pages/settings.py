"""Settings: what may be changed while the platform runs."""

import streamlit as st

from app.ui import settings_custom, settings_form, settings_history
from app.ui.frame import page_header
from app.ui.session import platform, required
from registry.access import Action, Actor, allowed
from registry.access.live.catalogue import CATEGORY_TEXTS, CUSTOM

_LOOKS = {
    "accounts": ("Accounts", "group"),
    "sessions": ("Sessions and tokens", "timer"),
    "limits": ("Limits", "speed"),
    "api": ("API", "api"),
    "uploads": ("Uploads", "upload_file"),
    "inference": ("Inference", "frame_inspect"),
    "jobs": ("Jobs", "work_history"),
    "cameras": ("Cameras", "videocam"),
    "appearance": ("Appearance", "palette"),
    CUSTOM: ("Custom", "data_object"),
}


def draw() -> None:
    """The page."""
    actor = required(Action.READ_SETTINGS)
    page_header("Settings", "A change is in force at once; every process follows within two seconds.")
    left, right = st.columns([0.24, 0.76], gap="medium")
    chosen = _chosen()
    with left:
        _categories(actor, chosen)
    with right:
        if chosen == CUSTOM:
            settings_custom.draw(actor)
        else:
            settings_form.draw(actor, chosen, _LOOKS[chosen][0])
        if allowed(actor, Action.READ_AUDIT):
            settings_history.draw(actor, chosen)


def _chosen() -> str:
    asked = st.query_params.get("category", "")
    return asked if asked in CATEGORY_TEXTS else next(iter(CATEGORY_TEXTS))


def _categories(actor: Actor, chosen: str) -> None:
    with st.container(key="settings_categories", gap="xsmall"):
        for each in platform().editor.categories(actor):
            title, icon = _LOOKS[each.name]
            count = f" :gray-badge[{each.changed}]" if each.changed else ""
            st.button(
                f"{title}{count}",
                key=f"settings.category.{each.name}",
                icon=f":material/{icon}:",
                type="secondary" if each.name == chosen else "tertiary",
                width="stretch",
                on_click=_open,
                args=(each.name,),
            )


def _open(category: str) -> None:
    st.query_params["category"] = category
