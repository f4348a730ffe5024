"""A registered model in full: its card, its figures, its versions."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.ui.frame import card, page_header
from app.ui.model_row import access_badge, task_badge, try_model
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import ago, badge_text, bytes_text, plain
from registry.access import Action, Actor, allowed
from registry.errors import RegistryError
from registry.models.types import ModelSummary, ModelVersion
from registry.runtime.card import ModelCard


def draw(actor: Actor, name: str) -> None:
    """The page of one model. Raises RegistryError when it is not there."""
    model = platform().models.get(actor, name)
    versions = platform().models.versions(actor, name)
    _header(actor, model)
    if not versions:
        st.info("No version of this model was published through the platform yet.", icon=":material/info:")
        return
    shown = _chosen(model, versions)
    if shown.card.metrics:
        _metrics(shown.card)
    left, right = st.columns([0.6, 0.4], gap="medium")
    with left:
        _about(model, shown)
        _versions(versions)
        if allowed(actor, Action.CHANGE_MODEL, model.target()):
            _aliases(actor, model, versions)
    with right:
        _input(shown.card)
        _labels(shown.card)


def way_back() -> None:
    """The button that leads from one model to all of them."""
    if st.button("All models", key="model.back", icon=":material/arrow_back:", type="tertiary"):
        st.query_params.clear()
        st.rerun()


def _header(actor: Actor, model: ModelSummary) -> None:
    way_back()
    actions = page_header(plain(model.name), plain(model.description, longest=240) or "No description")
    if allowed(actor, Action.OPEN_MLFLOW):
        actions.link_button("Open in MLflow", f"/mlflow/#/models/{model.name}", icon=":material/open_in_new:")
    if actions.button("Try it", key="model.try", type="primary", icon=":material/play_arrow:"):
        try_model(model.name)
    with st.container(horizontal=True, gap="small"):
        task_badge(model.task)
        access_badge(model.access_level)
        for alias, version in sorted(model.aliases.items()):
            st.badge(f"{badge_text(alias)} → v{version}", icon=":material/flag:", color="blue")


def _chosen(model: ModelSummary, versions: Sequence[ModelVersion]) -> ModelVersion:
    by_number = {version.version: version for version in versions}
    if len(versions) == 1:
        return versions[0]
    number = st.segmented_control(
        "Version shown",
        list(by_number)[:12],
        default=versions[0].version,
        required=True,
        format_func=lambda each: f"v{each}",
        key=f"model.version.{model.name}",
    )
    return by_number.get(number or 0, versions[0])


def _metrics(about: ModelCard) -> None:
    shown = list(about.metrics.items())[:6]
    for column, (name, value) in zip(st.columns(len(shown)), shown, strict=True):
        with column, card(f"metric_{name}"):
            st.metric(plain(name, longest=40), f"{value:.4g}")


def _about(model: ModelSummary, version: ModelVersion) -> None:
    about = version.card
    facts = {
        "Published by": f"{version.published_by}, {ago(version.created_at)}",
        "Size": bytes_text(version.size_bytes),
        "Owner": model.owner_name,
        "Licence": about.licence,
        "Source": about.source,
        "Dataset": about.dataset,
        "Git commit": about.git_commit[:12],
    }
    with card("about"):
        st.subheader(f"Version {version.version}", anchor=False)
        if about.description and about.description != model.description:
            st.markdown(plain(about.description, longest=1_000))
        _facts(facts)
        st.markdown(":gray[sha256]")
        st.code(version.sha256, language=None, wrap_lines=True)


def _facts(facts: dict[str, str]) -> None:
    left, right = st.columns(2)
    for index, (name, value) in enumerate((name, value) for name, value in facts.items() if value):
        (right if index % 2 else left).markdown(f":gray[{name}]  \n{plain(value)}")


def _versions(versions: Sequence[ModelVersion]) -> None:
    with card("versions"):
        st.subheader("Versions", anchor=False)
        frame = pd.DataFrame(
            {
                "Version": [each.version for each in versions],
                "Aliases": [list(each.aliases) for each in versions],
                "Published": [each.created_at for each in versions],
                "By": [each.published_by for each in versions],
                "Size": [bytes_text(each.size_bytes) for each in versions],
                "sha256": [each.sha256[:12] for each in versions],
            }
        )
        columns = {
            "Published": st.column_config.DatetimeColumn(format="distance"),
            "Aliases": st.column_config.ListColumn(),
            "Version": st.column_config.NumberColumn(width="small"),
        }
        st.dataframe(frame, hide_index=True, column_config=columns, height="content")


def _aliases(actor: Actor, model: ModelSummary, versions: Sequence[ModelVersion]) -> None:
    with card("alias"), st.form("model.alias_form", border=False):
        st.subheader("Move an alias", anchor=False)
        left, right, button = st.columns([0.4, 0.3, 0.3], vertical_alignment="bottom")
        alias = left.text_input("Alias", value="champion", key="model.alias", max_chars=31)
        number = right.selectbox("To version", [each.version for each in versions], key="model.alias_version")
        if button.form_submit_button("Move", icon=":material/flag:", width="stretch"):
            try:
                platform().models.set_alias(actor, model.name, alias.strip(), number)
            except RegistryError as error:
                error_box(error)
            else:
                st.toast(f"{plain(alias)} is version {number} now", icon=":material/flag:")
                st.rerun()


def _input(about: ModelCard) -> None:
    spec, thresholds = about.input, about.thresholds
    with card("input"):
        st.subheader("Input and thresholds", anchor=False)
        _facts(
            {
                "Size": f"{spec.width} × {spec.height}"
                + (", any multiple of " + str(spec.stride) if spec.dynamic else ""),
                "Colour": spec.colour.upper(),
                "Fit": spec.resize.replace("-", " ").capitalize(),
                "Decoder": str(about.decoder),
                "Confidence": f"{thresholds.confidence:g}",
                "IoU": f"{thresholds.iou:g}",
            }
        )


def _labels(about: ModelCard) -> None:
    if not about.labels:
        return
    with card("labels"):
        st.subheader(f"{len(about.labels)} classes", anchor=False)
        with st.container(
            horizontal=True, gap="xsmall", height=240 if len(about.labels) > 40 else "content", border=False
        ):
            for label in about.labels[:200]:
                st.badge(badge_text(label), color="gray")
            if len(about.labels) > 200:
                st.badge(f"and {len(about.labels) - 200} more", color="gray")
