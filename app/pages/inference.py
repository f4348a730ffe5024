"""Inference: pictures, a model, its answers; and what was answered before."""

import streamlit as st

from app.ui import inference_run, prompting, result_history, results, webcam
from app.ui.frame import card, page_header
from app.ui.model_choice import choose_model, choose_second
from app.ui.picture import choose_pictures
from app.ui.session import platform, required
from app.ui.states import empty_state
from app.ui.text import plain
from registry.access import Action, Actor
from registry.runtime.card import Task


def draw() -> None:
    """The page."""
    actor = required(Action.PREDICT)
    view = st.query_params.get("view")
    if view == "history":
        result_history.draw(actor)
        return
    if view == webcam.VIEW:
        webcam.draw(actor)
        return
    text = "Run a registered model on pictures and see what it finds, and how long it takes."
    actions = page_header("Inference", text)
    if actions.button("Webcam", key="inference.webcam", icon=":material/videocam:"):
        webcam.open_webcam()
    if actions.button("History", key="inference.history", icon=":material/history:"):
        result_history.open_history()
    _run(actor)


def _run(actor: Actor) -> None:
    listed, _ = platform().models.list(actor, size=500)
    models = [model for model in listed if model.latest_version]
    if not models:
        empty_state("frame_inspect", "No model to run yet", "As soon as one is published you can try it here.")
        return
    controls, answers = st.columns([0.32, 0.68], gap="medium")  # side by side: an answer is seen without scrolling
    chosen = controls.container()
    with controls, card("picture"):
        pictures = choose_pictures(across=2)
    with chosen, card("model"):
        st.subheader("Model", anchor=False)
        wanted = st.query_params.get("model", "")
        if wanted and wanted not in {model.name for model in models}:
            st.info(plain(f"{wanted[:63]} cannot be run: it is archived, has no version, or is not there for you."))
        first = choose_model("inference", models, wanted)
        if first.model.task == Task.PROMPT:
            st.markdown(":gray[Mark on the picture what is to be cut out.]")
        else:
            second = choose_second("inference", models, first)
            pressed = st.button(
                "Run",
                key="inference.run",
                type="primary",
                icon=":material/play_arrow:",
                width="stretch",
                disabled=not pictures,
            )
    with answers:
        if first.model.task == Task.PROMPT:
            prompting.draw(actor, pictures, first)
            return
        if pressed:
            inference_run.run(actor, pictures, first, second)
        found = inference_run.last_run()
        if found:
            results.draw(found)
        elif not pressed:
            empty_state("frame_inspect", "Nothing run yet", "Choose a model and a picture, then press Run.")
