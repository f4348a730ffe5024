"""A registered model as lists show it."""

import streamlit as st

from app.ui.frame import card
from app.ui.text import ago, badge_text, plain
from registry.models.types import CHAMPION, ModelSummary

TASKS = {
    "detect": ("Detection", "select_all", "blue"),
    "segment": ("Segmentation", "texture", "violet"),
    "pose": ("Pose", "accessibility_new", "orange"),
    "classify": ("Classification", "category", "green"),
    "embed": ("Embedding", "scatter_plot", "gray"),
    "ocr": ("Text recognition", "document_scanner", "orange"),
    "segment-by-prompt": ("Segment by prompt", "ads_click", "violet"),
}
ACCESS = {
    "public": ("Public", "public"),
    "authenticated": ("Team", "group"),
    "premium": ("Premium", "star"),
    "private": ("Private", "lock"),
}


def task_badge(task: str) -> None:
    """What the model answers, as a coloured badge."""
    label, icon, colour = TASKS.get(task, (task or "Unknown", "help", "gray"))
    st.badge(badge_text(label), icon=f":material/{icon}:", color=colour)  # type: ignore[arg-type]


def access_badge(level: str) -> None:
    """Who may see the model."""
    label, icon = ACCESS.get(level, (level, "lock"))
    st.badge(badge_text(label), icon=f":material/{icon}:", color="gray")


def model_row(model: ModelSummary, page: str) -> None:
    """One model with its badges and the buttons that lead on; `page` keeps widget keys apart."""
    with card(f"link_{page}_{model.name}"):
        left, right = st.columns([0.72, 0.28], vertical_alignment="center")
        with left, st.container(gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"**{plain(model.name)}**", width="content")
                task_badge(model.task)
                access_badge(model.access_level)
            text = plain(model.description, longest=150) or "No description"
            st.markdown(f":gray[{text}]")
            st.caption(f"{_standing(model)} · {plain(model.owner_name)} · updated {ago(model.updated_at)}")
        with right, st.container(horizontal=True, horizontal_alignment="right"):
            if st.button("Details", key=f"{page}.open.{model.name}"):
                open_model(model.name)
            if st.button("Try it", key=f"{page}.try.{model.name}", type="primary", icon=":material/play_arrow:"):
                try_model(model.name)


def open_model(name: str) -> None:
    """Go to a model's page."""
    st.switch_page(st.session_state["pages"]["models"], query_params={"model": name})


def try_model(name: str) -> None:
    """Go to inference with this model."""
    st.switch_page(st.session_state["pages"]["inference"], query_params={"model": name})


def _standing(model: ModelSummary) -> str:
    champion = model.aliases.get(CHAMPION)
    newest = f"version {model.latest_version}"
    return (
        f"{newest}, champion"
        if champion == model.latest_version
        else (f"{newest}, champion is {champion}" if champion else f"{newest}, no champion")
    )
