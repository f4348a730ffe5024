"""Who and what is in one gallery, and the way to forget."""

import streamlit as st

from app.ui.confirm import confirmed
from app.ui.frame import card
from app.ui.pager import first_page, page_number, pager
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import ago, many, plain
from registry.access import Actor
from registry.errors import RegistryError
from registry.models.gallery import Identity

_LIST, _SIZE = "gallery.identities", 8


def draw(actor: Actor, gallery: str) -> None:
    """The identities of a gallery, by name."""
    found, total = platform().gallery.identities(actor, gallery, number=page_number(_LIST), size=_SIZE)
    if not found and total:
        first_page(_LIST)
        st.rerun()
    with card("gallery_list"):
        st.subheader(f"In {plain(gallery)}", anchor=False)
        if not found:
            st.markdown("**Nobody yet**  \n:gray[Enrol a name with some pictures; then others are recognised by them.]")
            return
        for each in found:
            _row(actor, gallery, each)
        pager(_LIST, total, _SIZE, "identity", "identities")


def _row(actor: Actor, gallery: str, each: Identity) -> None:
    text, button = st.columns([0.64, 0.36], vertical_alignment="center")
    text.markdown(
        f"**{plain(each.label, longest=60)}**  \n"
        f":gray[{many(each.entries, 'picture')} · {plain(each.model)} · {ago(each.newest_at)}]"
    )
    with button:
        question = f"{each.label} is forgotten, with every picture enrolled in this gallery."
        key = f"gallery.forget.{gallery}.{each.label}.{each.model}"
        if not confirmed(key, "Delete", question, icon="delete", really="Really delete"):
            return
        try:
            platform().gallery.forget_label(actor, each.label, gallery)
        except RegistryError as error:
            error_box(error)
        else:
            st.rerun()
