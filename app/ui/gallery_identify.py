"""Who a picture shows: the most similar entries of a gallery."""

import streamlit as st

from app.ui.frame import card
from app.ui.model_choice import Which
from app.ui.picture import choose_pictures
from app.ui.session import platform
from app.ui.states import error_box, picture_error
from app.ui.text import plain
from registry.access import Actor
from registry.errors import RegistryError
from registry.models.gallery import Embedder, Identification
from registry.models.many import Outcome, each

_MOST = 5


def draw(actor: Actor, gallery: str, which: Which) -> None:
    """The pictures, and below each its best matches with their cosine similarity."""
    with card("gallery_identify"):
        pictures = choose_pictures("gallery.identify")
        least = st.slider("Least similarity", 0.0, 1.0, 0.3, 0.01, key="gallery.least")
        pressed = st.button(
            "Identify", key="gallery.identify", type="primary", icon=":material/person_search:", disabled=not pictures
        )
    if not pressed:
        return
    embedder = Embedder(which.model.name, which.version, which.alias)

    def look(image: bytes) -> Identification:
        return platform().gallery.identify(actor, image, embedder, gallery, most=_MOST, least_score=least)

    try:
        for number, outcome in enumerate(each(pictures, look)):
            _matches(outcome, number)
    except RegistryError as error:
        error_box(error)


def _matches(outcome: Outcome[Identification], number: int) -> None:
    with card(f"result_picture_{number}"):
        left, right = st.columns([0.42, 0.58], gap="medium")
        if outcome.result is None:
            if outcome.error:
                picture_error(outcome.picture.name, outcome.error)
            return
        left.image(outcome.result.answer.plot(), width="stretch", output_format="JPEG")
        with right:
            st.markdown(f"**{plain(outcome.picture.name, longest=60)}**")
            if not outcome.result.matches:
                st.markdown(":gray[Nobody in this gallery is that similar, as this version sees it.]")
            for match in outcome.result.matches:
                score = min(max(match.score, 0.0), 1.0)
                st.progress(score, text=f"{plain(match.entry.label, longest=60)} :gray[{match.score:.3f}]")
