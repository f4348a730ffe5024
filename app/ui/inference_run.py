"""A run on the page: every chosen picture through one model, or two, and what came of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from app.ui.model_choice import Which
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import plain
from registry.access import Actor
from registry.errors import RegistryError
from registry.models.answer import KeptRun
from registry.models.many import Outcome, Picture, each

_RUN = "inference.run_kept"


@dataclass(frozen=True, slots=True)
class Looked:
    """One picture that both models, or the only one, could read."""

    picture: Picture
    first: KeptRun
    second: KeptRun | None


@dataclass(frozen=True, slots=True)
class Run:
    """What came of all pictures."""

    looked: tuple[Looked, ...]
    failed: tuple[Outcome[Any], ...]


def last_run() -> Run | None:
    """What ran last in this session."""
    found = st.session_state.get(_RUN)
    return found if isinstance(found, Run) else None


def run(actor: Actor, pictures: Sequence[Picture], first: Which, second: Which | None) -> None:
    """Run, show how far it is, keep what came of it in the session and in the history."""
    st.session_state.pop(_RUN, None)
    st.session_state.pop("inference.picture", None)
    try:
        with st.spinner("Running the model", show_time=True):
            st.session_state[_RUN] = _run(actor, pictures, first, second)
    except RegistryError as error:
        error_box(error)


def remember(actor: Actor, kept: KeptRun, image_name: str) -> None:
    """Put an answer into the actor's history; what goes wrong there takes no answer away."""
    try:
        platform().history.keep(actor, kept.answer(), image_name)
    except RegistryError as error:
        st.toast(plain(f"The history could not be written: {error.message}"), icon=":material/warning:")


def _run(actor: Actor, pictures: Sequence[Picture], first: Which, second: Which | None) -> Run:
    serving = platform().serving
    versions = [serving.resolve(actor, **which.names) for which in (first, second) if which]  # type: ignore[arg-type]

    def look(image: bytes) -> list[KeptRun]:
        return [serving.keep_run(actor, image, model=each.name, version=each.version) for each in versions]

    looked, failed = [], []
    bar = st.progress(0.0) if len(pictures) > 1 else None
    for number, outcome in enumerate(each(pictures, look), start=1):
        if outcome.result is None:
            failed.append(outcome)
        else:
            kept = outcome.result
            looked.append(Looked(outcome.picture, kept[0], kept[1] if len(kept) > 1 else None))
            for one in kept:
                remember(actor, one, outcome.picture.name)
        if bar:
            bar.progress(number / len(pictures), f"{number} of {len(pictures)}")
    if bar:
        bar.empty()
    return Run(tuple(looked), tuple(failed))
