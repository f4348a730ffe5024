"""Gallery: faces and objects that were enrolled, and who of them a picture shows."""

import streamlit as st

from app.ui import gallery_enrol, gallery_identify, gallery_list
from app.ui.frame import card, page_header
from app.ui.model_choice import choose_model
from app.ui.session import platform, required
from app.ui.states import empty_state
from app.ui.text import many, plain
from app.ui.upload_steps import open_ways_in
from registry.access import Action, Actor, allowed
from registry.models.gallery import DEFAULT
from registry.runtime.card import Task

_NEW = "\0new"


def draw() -> None:
    """The page."""
    actor = required(Action.PREDICT)
    page_header(
        "Gallery", "Enrol faces or objects, and find them again on other pictures. Only you see your galleries."
    )
    listed, _ = platform().models.list(actor, task=Task.EMBED, size=500)
    models = [model for model in listed if model.latest_version]
    if not models:
        _nothing(actor)
        return
    left, right = st.columns([0.4, 0.6], gap="medium")
    with left:
        with card("gallery_which"):
            gallery = _gallery(actor)
            which = choose_model("gallery", models, st.query_params.get("model", ""))
        gallery_enrol.draw(actor, gallery, which)
        listing = st.container()
    with right:
        gallery_identify.draw(actor, gallery, which)
    with listing:  # after the form, so that what was just enrolled is in it
        gallery_list.draw(actor, gallery)


def _nothing(actor: Actor) -> None:
    needed = "Galleries need one: it turns a picture into a vector."
    if not allowed(actor, Action.PUBLISH_MODEL):
        empty_state("person_search", "No model that embeds yet", f"{needed} An engineer has to publish one first.")
        return
    empty_state("person_search", "No model that embeds yet", f"{needed} The catalogue has one for faces.")
    with st.container(horizontal_alignment="center"):
        if st.button("Add a model", key="gallery.add_model", type="primary", icon=":material/add:"):
            open_ways_in()


def _gallery(actor: Actor) -> str:
    """The gallery to work with: one that is there, or the name of a new one."""
    held = {each.gallery: each for each in platform().gallery.galleries(actor)}
    names = list(held) or [DEFAULT]
    opened = st.session_state.get("gallery.opened", names[0])
    chosen = st.selectbox(
        "Gallery",
        [*names, _NEW],
        index=names.index(opened) if opened in names else 0,
        key=f"gallery.which.{len(names)}.{opened}",
        format_func=lambda each: _said(each, held[each].entries if each in held else 0),
    )
    if chosen != _NEW:
        return chosen
    given = st.text_input("Name of the new gallery", key="gallery.new", max_chars=63, placeholder="line-3")
    return given.strip() or DEFAULT


def _said(name: str, entries: int) -> str:
    return "New gallery…" if name == _NEW else f"{plain(name)}  ·  {many(entries, 'picture')}"
