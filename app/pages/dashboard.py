"""Dashboard: how the platform is, and where to go next."""

import streamlit as st

from app import readiness
from app.ui.frame import card, page_header
from app.ui.mlflow_page import mlflow_page
from app.ui.model_row import model_row
from app.ui.overview import Overview, health, overview
from app.ui.session import platform, required
from app.ui.text import plain
from app.ui.upload_steps import open_ways_in
from registry.access import Action, Actor, allowed

_MOST_IN_A_ROW = 4
_POLL_S = 3.0
_PARTS = {"database": "Database", "storage": "Storage", "mlflow": "MLflow", "prefect": "Prefect", "worker": "Worker"}


def draw() -> None:
    """The page."""
    actor = required()
    actions = page_header("Dashboard", f"Welcome, {plain(actor.name, longest=40)}.")
    if allowed(actor, Action.OPEN_MLFLOW):
        actions.link_button("Open MLflow", mlflow_page("models"), icon=":material/open_in_new:")
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
    figures: list[tuple[str, int | None, str, str]] = [
        ("Models", seen.models, "deployed_code", ""),
        ("Versions", seen.versions, "layers", ""),
        ("Predictions since start", seen.predictions, "frame_inspect", ""),
    ]
    if seen.users is not None:
        figures.append(("Users", seen.users, "group", ""))
    if seen.watched is not None:
        away = seen.watched.wanted - seen.watched.live
        figures.append(("Cameras live", seen.watched.live, "videocam", f"{away} not live" if away else ""))
        figures.append(("Events today", seen.watched.events, "notifications", ""))
    wide = len(figures) if len(figures) <= _MOST_IN_A_ROW else 3
    for start in range(0, len(figures), wide):
        for column, figure in zip(st.columns(wide), figures[start : start + wide], strict=False):
            with column:
                _figure(*figure)


def _figure(label: str, value: int | None, icon: str, beside: str) -> None:
    with card(f"figure_{icon}"):
        shown = "–" if value is None else f"{value:,}"
        st.metric(
            label,
            shown,
            beside or None,
            icon=f":material/{icon}:",
            delta_color="off",
            delta_arrow="off",
        )


def _newest(seen: Overview) -> None:
    st.subheader("Recently updated models", anchor=False)
    if seen.models is None:
        st.markdown(":gray[The model registry does not answer at the moment.]")
    for model in seen.newest:
        model_row(model, page="dashboard")


def _first_steps(actor: Actor) -> None:
    st.subheader("First steps", anchor=False)
    steps = [
        (
            "upload",
            "Publish a model",
            "Upload or pull one on the models page, or push one from a notebook.",
        ),
        ("image_search", "Try it on a picture", "Choose a sample or a photo of your own and look at the boxes."),
        ("alt_route", "Name a champion", "The alias decides which version everybody gets."),
    ]
    for number, (icon, title, text) in enumerate(steps, start=1):
        with card(f"step_{number}"):
            st.markdown(f":material/{icon}: **{number}. {title}**  \n:gray[{text}]")
    if allowed(actor, Action.PUBLISH_MODEL) and st.button(
        "Upload a model", key="dashboard.upload", type="primary", icon=":material/upload:"
    ):
        open_ways_in()


def _health() -> None:
    young = readiness.starting()

    @st.fragment(run_every=_POLL_S if young else None)
    def services() -> None:
        if young and not readiness.starting():
            st.rerun()  # from now on by the page's own runs
        checks = health(platform())
        with card("health"):
            st.subheader("Services", anchor=False)
            for name, state in checks.items():
                with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
                    st.markdown(_PARTS.get(name, name.capitalize()))
                    _standing(state, young=young)

    services()


def _standing(state: str, *, young: bool) -> None:
    if state == "ok":
        st.badge("Healthy", icon=":material/check_circle:", color="green")
    elif young:
        st.badge("Starting", icon=":material/hourglass_top:", color="orange", help=plain(state))
    else:
        st.badge("Unavailable", icon=":material/error:", color="red", help=plain(state))


def _quick_links(actor: Actor) -> None:
    pages = st.session_state["pages"]
    with card("links"):
        st.subheader("Quick links", anchor=False)
        with st.container(gap=None):
            st.page_link(pages["inference"], label="Run inference", icon=":material/frame_inspect:")
            st.page_link(pages["models"], label="Browse models", icon=":material/deployed_code:")
            if allowed(actor, Action.READ_CAMERA):
                st.page_link(pages["cameras"], label="Watch the cameras", icon=":material/videocam:")
            st.link_button("API reference", "/api/v1/docs", icon=":material/api:", type="tertiary")
            if allowed(actor, Action.OPEN_PREFECT) and platform().settings.jobs_here:
                st.link_button("Prefect flow runs", "/prefect/", icon=":material/account_tree:", type="tertiary")
            if allowed(actor, Action.OPEN_MLFLOW):
                st.link_button(
                    "MLflow experiments", mlflow_page("experiments"), icon=":material/science:", type="tertiary"
                )
