"""The ways in for a new model, one tab each; a further way is a file of its own and a line here."""

import streamlit as st

from app.ui import model_catalogue, model_register, model_upload
from registry.access import Actor

_WAYS = {
    ":material/upload_file: From a file": model_upload.draw,
    ":material/storefront: From the catalogue": model_catalogue.draw,
    ":material/label: Only a name": model_register.draw,
}


def draw(actor: Actor) -> None:
    """Every way, the first one open."""
    for tab, way in zip(st.tabs(list(_WAYS), key="models.way", on_change="rerun"), _WAYS.values(), strict=True):
        if tab.open:
            with tab:
                way(actor)
