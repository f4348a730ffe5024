"""Inference: a picture, a model, its answer."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from app.ui import result
from app.ui.frame import card, page_header
from app.ui.model_row import TASKS
from app.ui.picture import Picture, choose_picture
from app.ui.session import platform, required
from app.ui.states import empty_state, error_box
from app.ui.text import plain
from registry.access import Actor
from registry.errors import RegistryError
from registry.models.serving import Thresholds
from registry.models.types import CHAMPION, ModelSummary

_WITH_BOXES = frozenset({"detect", "segment", "pose"})
_ANSWER = "inference.answer"


@dataclass(frozen=True, slots=True)
class _Choice:
    """What was chosen in the form; exactly one of `version` and `alias`, or neither for the default."""

    model: str
    version: int | None
    alias: str | None
    thresholds: Thresholds


def draw() -> None:
    """The page."""
    actor = required()
    page_header("Inference", "Run a registered model on a picture and see what it finds, and how long it takes.")
    models, _ = platform().models.list(actor, size=500)
    if not models:
        empty_state("frame_inspect", "No model to run yet", "As soon as one is published you can try it here.")
        return
    left, right = st.columns([0.6, 0.4], gap="medium")
    with left, card("picture"):
        picture = choose_picture()
    with right, card("model"):
        choice = _choose(actor, models)
        pressed = st.button(
            "Run",
            key="inference.run",
            type="primary",
            icon=":material/play_arrow:",
            width="stretch",
            disabled=picture is None,
        )
    if pressed and picture is not None:
        _run(actor, picture, choice)
    if _ANSWER in st.session_state:
        result.draw(st.session_state[_ANSWER])


def _run(actor: Actor, picture: Picture, choice: _Choice) -> None:
    st.session_state.pop(_ANSWER, None)
    try:
        with st.spinner("Running the model", show_time=True):
            st.session_state[_ANSWER] = platform().serving.predict(
                actor,
                picture.read(),
                model=choice.model,
                version=choice.version,
                alias=choice.alias,
                thresholds=choice.thresholds,
            )
    except RegistryError as error:
        error_box(error)


def _choose(actor: Actor, models: Sequence[ModelSummary]) -> _Choice:
    st.subheader("Model", anchor=False)
    by_name = {model.name: model for model in models}
    wanted = st.query_params.get("model", "")
    names = list(by_name)
    name = st.selectbox(
        "Model",
        names,
        index=names.index(wanted if wanted in by_name else _first(models).name),
        key=f"inference.model.{wanted}",
        format_func=lambda each: f"{each}  ·  {TASKS.get(by_name[each].task, (by_name[each].task,))[0]}",
        label_visibility="collapsed",
    )
    model = by_name[name]
    version, alias = _which(model)
    confidence = iou = None
    if model.task in _WITH_BOXES:
        defaults = platform().serving.resolve(actor, name, version=version, alias=alias).card.thresholds
        confidence = st.slider("Confidence", 0.0, 1.0, defaults.confidence, 0.01, key=f"inference.confidence.{name}")
        iou = st.slider("Overlap (IoU)", 0.0, 1.0, defaults.iou, 0.01, key=f"inference.iou.{name}")
    return _Choice(name, version, alias, Thresholds(confidence, iou))


def _first(models: Sequence[ModelSummary]) -> ModelSummary:
    """The model to begin with: one that draws boxes, for they say most about any picture."""
    return next((model for model in models if model.task in _WITH_BOXES), models[0])


def _which(model: ModelSummary) -> tuple[int | None, str | None]:
    aliases = sorted(model.aliases, key=lambda each: (each != CHAMPION, each))
    options: list[str | int] = [*aliases, *range(model.latest_version, max(model.latest_version - 50, 0), -1)]
    chosen = st.selectbox(
        "Alias or version",
        options,
        key=f"inference.which.{model.name}",
        format_func=lambda each: (
            f"version {each}" if isinstance(each, int) else f"{plain(each)} (version {model.aliases[each]})"
        ),
    )
    return (chosen, None) if isinstance(chosen, int) else (None, chosen)
