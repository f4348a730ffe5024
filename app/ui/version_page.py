"""One version of a model in full. Each section is a file of its own, drawn here in the left or the right column."""

from collections.abc import Sequence

import streamlit as st

from app.ui import model_tuning, version_card, version_intake, version_lineage
from app.ui.frame import card
from app.ui.text import plain
from registry.access import Actor
from registry.models.types import ModelSummary, ModelVersion

_SHOWN_MOST = 12


def draw(actor: Actor, model: ModelSummary, versions: Sequence[ModelVersion]) -> None:
    """The version that the address or the control names, else the newest."""
    version = _chosen(model, versions)
    _metrics(version)
    left, right = st.columns([0.6, 0.4], gap="medium")
    with left:
        version_card.about(model, version)
        version_lineage.draw(actor, version)
        version_intake.draw(version)
    with right:
        version_card.inputs(version.card)
        version_card.labels(version.card)
        version_card.whole(version)
    model_tuning.draw(actor, model, version)


def show(version: int) -> None:
    """Have the next run show this version."""
    st.query_params["version"] = str(version)


def _chosen(model: ModelSummary, versions: Sequence[ModelVersion]) -> ModelVersion:
    by_number = {version.version: version for version in versions}
    asked = st.query_params.get("version", "")
    first = by_number.get(int(asked), versions[0]) if asked.isdecimal() and len(asked) < 10 else versions[0]
    if len(versions) == 1:
        return first
    offered = list(by_number)[:_SHOWN_MOST]
    if first.version not in offered:
        offered.append(first.version)
    number = st.segmented_control(
        "Version",
        offered,
        default=first.version,
        required=True,
        format_func=lambda each: f"v{each}",
        key=f"model.version.{model.name}.{asked}",
        label_visibility="collapsed",
    )
    return by_number.get(number or 0, first)


def _metrics(version: ModelVersion) -> None:
    shown = list(version.card.metrics.items())[:6]
    if not shown:
        return
    for column, (name, value) in zip(st.columns(len(shown)), shown, strict=True):
        with column, card(f"metric_{name}"):
            st.metric(plain(name, longest=40), f"{value:.4g}")
