"""Dashboard: how the platform is, and where to go next."""

import streamlit as st

from app.ui.frame import card, page_header
from app.ui.model_row import model_row
from app.ui.overview import Overview, health, overview
from app.ui.session import platform, required
from app.ui.text import plain
from registry.access import Action, Actor, allowed

_PARTS = {"database": "Database", "storage": "Storage", "mlflow": "MLflow", "prefect": "Prefect", "worker": "Worker"}


def draw() -> None:
    """The page."""
    actor = required()
    actions = page_header("Dashboard", f"Welcome back, {plain(actor.name, longest=40)}.")
    if allowed(actor, Action.OPEN_MLFLOW):
        actions.link_button("Open MLflow", "/mlflow/", icon=":material/open_in_new:")
    with st.spinner("Gathering the figures"):
        seen = overview(platform(), actor)
    _figures(seen)
    left, right = st.columns([0.62, 0.38], gap="medium")
    with left:
        if seen.models == 0:
            _first_steps(actor)
        else:
            _newest(seen)
    with right:
        _health()
        _quick_links(actor)


def _figures(seen: Overview) -> None:
    figures = [("Models", seen.models, "deployed_code"), ("Versions", seen.versions, "layers")]
    figures.append(("Predictions since start", seen.predictions, "frame_inspect"))
    if seen.users is not None:
        figures.append(("Users", seen.users, "group"))
    for column, (label, value, icon) in zip(st.columns(len(figures)), figures, strict=True):
        with column, card(f"figure_{icon}"):
            st.metric(label, "–" if value is None else f"{value:,}", icon=f":material/{icon}:")


def _newest(seen: Overview) -> None:
    st.subheader("Recently updated models", anchor=False)
    if seen.models is None:
        st.markdown(":gray[The model registry does not answer at the moment.]")
    for model in seen.newest:
        model_row(model, page="dashboard")


def _first_steps(actor: Actor) -> None:
    st.subheader("First steps", anchor=False)
    steps = [
        ("upload", "Publish a model", "Upload an ONNX file on the models page, or push one from a notebook."),
        ("image_search", "Try it on a picture", "Choose a sample or a photo of your own and look at the boxes."),
        ("alt_route", "Name a champion", "The alias decides which version everybody gets."),
    ]
    for number, (icon, title, text) in enumerate(steps, start=1):
        with card(f"step_{number}"):
            st.markdown(f":material/{icon}: **{number}. {title}**  \n:gray[{text}]")
    if allowed(actor, Action.PUBLISH_MODEL) and st.button(
        "Upload a model", key="dashboard.upload", type="primary", icon=":material/upload:"
    ):
        st.session_state["models.uploading"] = True
        st.switch_page(st.session_state["pages"]["models"])


def _health() -> None:
    checks = health(platform())
    with card("health"):
        st.subheader("Services", anchor=False)
        for name, state in checks.items():
            well = state == "ok"
            with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
                st.markdown(_PARTS.get(name, name.capitalize()))
                st.badge(
                    "Healthy" if well else "Unavailable",
                    icon=":material/check_circle:" if well else ":material/error:",
                    color="green" if well else "red",
                    help=None if well else plain(state),
                )


def _quick_links(actor: Actor) -> None:
    pages = st.session_state["pages"]
    with card("links"):
        st.subheader("Quick links", anchor=False)
        with st.container(gap=None):
            st.page_link(pages["inference"], label="Run inference", icon=":material/frame_inspect:")
            st.page_link(pages["models"], label="Browse models", icon=":material/deployed_code:")
            st.link_button("API reference", "/api/v1/docs", icon=":material/api:", type="tertiary")
            if allowed(actor, Action.OPEN_MLFLOW):
                st.link_button("MLflow experiments", "/mlflow/", icon=":material/science:", type="tertiary")
