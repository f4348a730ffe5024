"""The filters above the list of models."""

from typing import TypedDict

import streamlit as st

from app.ui import filters
from app.ui.model_row import ACCESS, TASKS
from app.ui.session import platform
from registry.access import Actor

_EVERY_TASK = {"": "Every task"} | {task: shown[0] for task, shown in TASKS.items()}
_EVERY_LEVEL = {"": "Every access"} | {level: shown[0] for level, shown in ACCESS.items()}
_STATES = {False: "In use", True: "Archived"}


class Wanted(TypedDict):
    """Which models are meant, as `ModelRegistry.list` takes it."""

    search: str
    task: str
    access_level: str
    owner: str
    archived: bool


def draw(actor: Actor) -> Wanted:
    """One row of filters."""
    columns = st.columns([0.32, 0.19, 0.17, 0.17, 0.15])
    with columns[0]:
        search = filters.words("models", "search", "Search names and descriptions")
    with columns[1]:
        task = filters.choice("models", "task", "Task", _EVERY_TASK)
    with columns[2]:
        level = filters.choice("models", "access", "Access", _EVERY_LEVEL)
    with columns[3]:
        others = [name for name in _owners(actor) if name != actor.name]
        names = {"": "Every owner", actor.name: "Mine"} | {name: name for name in others}
        owner = filters.choice("models", "owner", "Owner", names)
    with columns[4]:
        archived = filters.choice("models", "state", "State", _STATES)
    return Wanted(search=search, task=task, access_level=level, owner=owner, archived=archived)


def narrowed(wanted: Wanted) -> bool:
    """Whether any filter leaves something out that the list would have."""
    return any(wanted.values())


@st.cache_data(ttl=10, show_spinner=False, max_entries=256, hash_funcs={Actor: lambda actor: actor.id})
def _owners(actor: Actor) -> list[str]:
    return list(platform().models.owners(actor))
