"""Where a version comes from: run, data, commit, and the version it was made from."""

import streamlit as st

from app.ui.facts import facts
from app.ui.frame import card
from app.ui.mlflow_page import mlflow_page
from registry.access import Action, Actor, allowed
from registry.models.types import ModelVersion, lineage_dict

_COMMIT_LONG = 12


def draw(actor: Actor, version: ModelVersion) -> None:
    """What the publisher said, and the way to the run."""
    told = lineage_dict(version)
    with card("lineage"):
        st.subheader("Lineage", anchor=False)
        facts(
            {
                "Made from": told["parent"],
                "Dataset": told["dataset"],
                "Git commit": told["git_commit"][:_COMMIT_LONG],
                "Source": told["source"],
                "MLflow run": told["run_id"],
            }
        )
        if told["run_id"] and allowed(actor, Action.OPEN_MLFLOW):
            st.link_button("Open the run", mlflow_page(f"runs/{told['run_id']}"), icon=":material/open_in_new:")
