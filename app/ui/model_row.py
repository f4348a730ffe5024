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
WHO = {
    "public": "everybody with an account here",
    "authenticated": "everybody with an account here, as with Public",
    "premium": "engineers, and users with premium",
    "private": "the owner, administrators, and people it is granted to",
}


def task_badge(task: str) -> None:
    """What the model answers, as a coloured badge."""
    label, icon, colour = TASKS.get(task, (task or "Unknown", "help", "gray"))
    st.badge(badge_text(label), icon=f":material/{icon}:", color=colour)  # type: ignore[arg-type]


def access_badge(level: str) -> None:
    """Who may see the model."""
    label, icon = ACCESS.get(level, (level, "lock"))
    st.badge(badge_text(label), icon=f":material/{icon}:", color="gray")


def who_may_use(model: ModelSummary) -> str:
    """Whom the model's access level lets in, in words."""
    return f"for {WHO.get(model.access_level, WHO['private'])}"


def access_choice(level: str) -> str:
    """A level as a form offers it: its name, and who may then use what it is given to."""
    return f"{ACCESS[level][0]}: {WHO[level]}"


def alias_badges(model: ModelSummary, most: int = 4) -> None:
    """Where the aliases point, the champion's first."""
    aliases = sorted(model.aliases.items(), key=lambda each: (each[0] != CHAMPION, each[0]))
    for alias, version in aliases[:most]:
        st.badge(f"{badge_text(alias)} → v{version}", icon=":material/flag:", color="blue")
    if len(aliases) > most:
        st.badge(f"and {len(aliases) - most} more", color="gray")


def archived_badge(model: ModelSummary) -> None:
    """That a model rests, where it does."""
    if model.archived:
        st.badge("Archived", icon=":material/inventory_2:", color="orange")


def model_row(model: ModelSummary, page: str) -> None:
    """One model with its badges and the buttons that lead on; `page` keeps widget keys apart."""
    with card(f"link_{page}_{model.name}"):
        left, right = st.columns([0.72, 0.28], vertical_alignment="center")
        with left, st.container(gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                if st.button(f"**{plain(model.name)}**", key=f"{page}.name.{model.name}", type="tertiary"):
                    open_model(model.name)
                task_badge(model.task)
                access_badge(model.access_level)
                alias_badges(model, most=3)
                archived_badge(model)
            text = plain(model.description, longest=150) or "No description"
            st.markdown(f":gray[{text}]")
            told = [*_standing(model), plain(model.owner_name), f"updated {ago(model.updated_at)}"]
            st.caption(" · ".join(told))
        with right, st.container(horizontal=True, horizontal_alignment="right"):
            if st.button("Details", key=f"{page}.open.{model.name}"):
                open_model(model.name)
            if is_ready(model) and st.button(
                "Try it", key=f"{page}.try.{model.name}", type="primary", icon=":material/play_arrow:"
            ):
                try_model(model.name)


def is_ready(model: ModelSummary) -> bool:
    """Whether there is a version that may answer."""
    return model.latest_version > 0 and not model.archived


def open_model(name: str) -> None:
    """Go to a model's page."""
    st.switch_page(st.session_state["pages"]["models"], query_params={"model": name})


def try_model(name: str) -> None:
    """Go to inference with this model."""
    st.switch_page(st.session_state["pages"]["inference"], query_params={"model": name})


def _standing(model: ModelSummary) -> list[str]:
    """The newest version and its first figures."""
    if not model.latest_version:
        return ["no version yet"]
    figures = [f"{plain(name, longest=24)} {value:.3g}" for name, value in list(model.metrics.items())[:3]]
    return [f"version {model.latest_version}", *figures]
