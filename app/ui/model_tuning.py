"""How fast a version can run on this machine: what `nexusai models tune` measured."""

import pandas as pd
import streamlit as st

from app.ui.frame import card
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import plain
from registry.access import Action, Actor, allowed
from registry.errors import RegistryError
from registry.models.tuning import Tuning, tunings
from registry.models.tuning_table import TunedLane, TunedRow, TuningTable
from registry.models.types import ModelSummary, ModelVersion

_COLUMNS = {
    "Alone, ms": st.column_config.TextColumn(help="one image at a time: the median"),
    "× alone": st.column_config.TextColumn(help="how many times as fast as the default, one image at a time"),
    "Side by side, ms": st.column_config.TextColumn(help="for each image, several at once: the median"),
    "× side by side": st.column_config.TextColumn(help="how many times as fast as the default, several at once"),
    "Note": st.column_config.TextColumn(width="medium"),
}


def draw(actor: Actor, model: ModelSummary, version: ModelVersion) -> None:
    """The card about speed: this machine's table, else how to get one."""
    with card("tuning"):
        st.subheader("Speed on this machine", anchor=False)
        problem = platform().serving.opening.problem(version)
        if problem:
            st.warning(f"The processor answers instead: {plain(problem)}", icon=":material/speed:")
        try:
            found = _tunings(actor, actor.id, model.name, version.version, version.tuned)
        except RegistryError as error:
            error_box(error)
            return
        here = next((each for each in found if each.here), None)
        if here is None:
            _none(actor, model, version, found)
            return
        _table(version, here.table)


@st.cache_data(ttl=20, max_entries=200, show_spinner=False)
def _tunings(_actor: Actor, _actor_id: str, name: str, version: int, _tuned: str) -> list[Tuning]:
    return tunings(platform().models, _actor, name, version)


def _none(actor: Actor, model: ModelSummary, version: ModelVersion, elsewhere: list[Tuning]) -> None:
    others = f" It was tuned on {len(elsewhere)} other kinds of machine." if elsewhere else ""
    st.markdown(f":gray[Not tuned here yet: it runs by the default.{others}]")
    if allowed(actor, Action.CHANGE_MODEL, model.target()):
        st.markdown(":gray[Measure it on the tab Optimise, or from the command line:]")
        st.code(f"nexusai models tune {model.name} --version {version.version} --dataset FOLDER", language=None)


def _table(version: ModelVersion, table: TuningTable) -> None:
    st.markdown(plain(table.verdict, longest=600))
    if table.made_version and table.made_version != version.version:
        st.markdown(f":gray[What was chosen needs other files: it is version {table.made_version}.]")
    rows_of(table)


def rows_of(table: TuningTable) -> None:
    """What was measured, row by row, and on what."""
    frame = pd.DataFrame([_row(row, chosen=row == table.chosen) for row in table.rows])
    st.dataframe(frame, hide_index=True, column_config=_COLUMNS, height="content")
    versions = ", ".join(f"{name} {number}" for name, number in table.versions.items())
    about = f"{table.dataset.name} {table.dataset.version}"
    st.caption(
        plain(f"{table.machine}; {versions}. {table.metric} on {about}, at most {table.bound:g} lost. {table.at[:10]}")
    )


def _row(row: TunedRow, *, chosen: bool) -> dict[str, str]:
    alone, beside = _best(row.alone), _best(row.beside)
    rounded = "" if row.precision == "f32" else f" {row.precision}"
    return {
        "Form": row.variant,
        "Backend": f"{row.backend}{rounded}",
        "Accuracy": "" if row.accuracy is None else f"{row.accuracy:.4f}",
        "Alone, ms": f"{alone.ms:.2f}" if alone else "",
        "× alone": f"{alone.speedup:.2f} ×" if alone else "",
        "Side by side, ms": f"{beside.ms:.2f}" if beside else "",
        "× side by side": f"{beside.speedup:.2f} ×" if beside else "",
        "Note": "chosen" if chosen else row.note,
    }


def _best(lanes: tuple[TunedLane, ...]) -> TunedLane | None:
    return max(lanes, key=lambda each: each.speedup, default=None)
