"""The form that registers a model before it has a version."""

from typing import get_args

import streamlit as st

from app.ui.frame import card
from app.ui.model_row import TASKS, access_choice, open_model
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.upload_steps import ADDING
from registry.access import Actor
from registry.errors import RegistryError
from registry.mlflow_file import AccessLevel
from registry.models.registering import register

_LEVELS: tuple[AccessLevel, ...] = get_args(AccessLevel)


def draw(actor: Actor) -> None:
    """The form; afterwards the new model's page."""
    with card("register"), st.form("register.form", border=False):
        st.subheader("Register a name", anchor=False)
        st.markdown(":gray[Describe and share it now; its first version comes later, from a file or a notebook.]")
        left, middle, right = st.columns(3)
        name = left.text_input("Name", key="register.name", max_chars=63, placeholder="parts-detector")
        tasks = {"": "As its first version"} | {task: shown[0] for task, shown in TASKS.items()}
        task = middle.selectbox("Task", list(tasks), key="register.task", format_func=tasks.__getitem__)
        level = right.selectbox("Who may use it", _LEVELS, index=1, key="register.level", format_func=access_choice)
        description = st.text_input("Description", key="register.description", max_chars=400)
        if not st.form_submit_button("Register", type="primary", icon=":material/label:"):
            return
        try:
            made = register(
                platform().models, actor, name.strip(), task=task, description=description.strip(), access_level=level
            )
        except RegistryError as error:
            error_box(error)
            return
    st.session_state[ADDING] = False
    open_model(made.name)
