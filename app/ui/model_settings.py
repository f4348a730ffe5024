"""A model's description, its rest, and its end."""

import streamlit as st

from app.ui.attempt import attempt
from app.ui.confirm import confirmed
from app.ui.frame import card
from app.ui.session import platform
from app.ui.text import many
from registry.access import Action, Actor, allowed
from registry.models.stated import LONGEST_DESCRIPTION
from registry.models.types import ModelSummary


def draw(actor: Actor, model: ModelSummary) -> None:
    """The description at the left; what takes the model away at the right."""
    left, right = st.columns([0.6, 0.4], gap="medium")
    with left:
        _description(actor, model)
    with right:
        _archive(actor, model)
        if allowed(actor, Action.DELETE_MODEL, model.target()):
            _end(actor, model)


def _description(actor: Actor, model: ModelSummary) -> None:
    with card("description"), st.form(f"model.description_form.{model.name}", border=False):
        st.subheader("Description", anchor=False)
        text = st.text_area(
            "Description",
            model.description,
            key=f"model.description.{model.name}",
            height=160,
            max_chars=LONGEST_DESCRIPTION,
            label_visibility="collapsed",
        )
        if st.form_submit_button("Save", type="primary"):
            attempt(lambda: platform().model_changes.update(actor, model.name, description=text.strip()), "Saved")


def _archive(actor: Actor, model: ModelSummary) -> None:
    with card("archive"):
        st.subheader("Archive", anchor=False)
        if model.archived:
            st.markdown(":gray[It rests: it is in no list, answers nothing, and takes no version.]")
            sure = st.button("Bring it back", key="model.restore", type="primary", icon=":material/unarchive:")
        else:
            st.markdown(":gray[An archived model answers nothing and leaves the lists. It can be brought back.]")
            sure = confirmed(
                f"model.archive.{model.name}",
                "Archive this model",
                f"Requests for {model.name} will be refused from now on.",
                icon="inventory_2",
                really="Really archive",
            )
        if sure:
            attempt(
                lambda: platform().model_changes.archive(actor, model.name, archived=not model.archived),
                f"{model.name} is {'back' if model.archived else 'archived'}",
            )


def _end(actor: Actor, model: ModelSummary) -> None:
    with card("model_end"):
        st.subheader("Delete", anchor=False)
        st.markdown(":gray[Every version goes along. Its runs in MLflow and the audit trail stay.]")
        if not confirmed(
            f"model.delete.{model.name}",
            "Delete this model",
            f"{model.name} cannot be brought back.",
            icon="delete",
            really="Really delete",
        ):
            return

        def delete() -> None:
            platform().model_changes.delete(actor, model.name)
            st.query_params.clear()

        attempt(delete, f"{model.name} and {many(model.latest_version, 'version')} are gone", icon="delete")
