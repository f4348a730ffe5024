"""The aliases of a model: where each points, the moves forward and back, and who made them."""

from collections.abc import Sequence

import streamlit as st

from app.ui import alias_moves
from app.ui.attempt import attempt
from app.ui.confirm import confirmed
from app.ui.frame import card
from app.ui.session import platform
from app.ui.text import plain
from registry.access import Action, Actor, allowed
from registry.models import promotion
from registry.models.strays import Stray
from registry.models.types import CHAMPION, ModelSummary, ModelVersion

_USUAL = (CHAMPION, "challenger")
_MEANINGS = {
    CHAMPION: "what everybody is answered with",
    "challenger": "the candidate",
}


def draw(actor: Actor, model: ModelSummary, versions: Sequence[ModelVersion]) -> None:
    """The aliases; the buttons for those who may move them; the moves so far."""
    may_move = allowed(actor, Action.CHANGE_MODEL, model.target()) and not model.archived
    strays = {stray.alias: stray for stray in platform().serving.strays(model)}
    with card("aliases"):
        st.subheader("Aliases", anchor=False)
        if not model.aliases:
            st.markdown(":gray[None yet: requests are answered by the newest version.]")
        back = promotion.ways_back(platform().models, actor, model.name) if may_move else {}
        for alias in sorted(model.aliases, key=lambda each: (each != CHAMPION, each)):
            _alias(actor, model, alias, back.get(alias), may_move=may_move)
            if alias in strays:
                _stray(strays[alias])
        if CHAMPION in strays and CHAMPION not in model.aliases:
            _stray(strays[CHAMPION])
        if may_move:
            _form(actor, model, versions)
    alias_moves.draw(actor, model)


def _alias(actor: Actor, model: ModelSummary, alias: str, back: int | None, *, may_move: bool) -> None:
    meaning = f" · {_MEANINGS[alias]}" if alias in _MEANINGS else ""
    st.markdown(f":blue[:material/flag:] **{plain(alias)}** → version {model.aliases[alias]} :gray[{meaning}]")
    if not may_move:
        return
    key = f"{model.name}.{alias}"
    with st.container(horizontal=True, gap="small", key=f"alias_buttons_{alias}"):
        if back is not None and confirmed(
            f"model.rollback.{key}",
            f"Roll back to v{back}",
            f"{alias} goes back from version {model.aliases[alias]} to version {back}.",
            icon="undo",
            really="Really roll back",
        ):
            _roll_back(actor, model, alias, back)
        if alias != CHAMPION and confirmed(
            f"model.unname.{key}",
            "Remove",
            f"Requests for {alias} will be refused. The version stays.",
            icon="label_off",
            really="Really remove",
        ):
            _remove(actor, model, alias)


def _form(actor: Actor, model: ModelSummary, versions: Sequence[ModelVersion]) -> None:
    names = list(dict.fromkeys([*_USUAL, *sorted(model.aliases)]))
    with st.form(f"model.promote.{model.name}", border=False):
        left, right = st.columns(2)
        alias = left.selectbox(
            "Alias",
            names,
            key=f"model.alias.{model.name}",
            accept_new_options=True,
            help="Choose one, or type a name of your own: lower-case letters, digits, dashes.",
        )
        number = right.selectbox(
            "To version",
            [each.version for each in versions],
            key=f"model.alias_version.{model.name}",
            format_func=lambda each: f"version {each}",
        )
        if st.form_submit_button("Promote", type="primary", icon=":material/flag:", width="stretch"):
            _promote(actor, model, (alias or "").strip(), number)
    st.caption("The version is loaded and tried first. One that cannot be served moves nothing.")


def _promote(actor: Actor, model: ModelSummary, alias: str, number: int) -> None:
    attempt(
        lambda: platform().serving.move_alias(actor, model.name, alias, number),
        f"{alias} is version {number} now",
        icon="flag",
        meanwhile=f"Loading and trying version {number}",
    )


def _roll_back(actor: Actor, model: ModelSummary, alias: str, back: int) -> None:
    rooms = platform()
    attempt(
        lambda: promotion.rollback(rooms.models, actor, model.name, alias=alias, move=rooms.serving.move_alias),
        f"{alias} is version {back} again",
        icon="flag",
        meanwhile=f"Loading and trying version {back}",
    )


def _remove(actor: Actor, model: ModelSummary, alias: str) -> None:
    attempt(
        lambda: platform().model_changes.remove_alias(actor, model.name, alias),
        f"{alias} is removed",
        icon="label_off",
    )


def _stray(stray: Stray) -> None:
    """That this app answers with another version than MLflow names, and why."""
    st.warning(
        f"Version {stray.answers} answers: version {stray.named}, which MLflow names, cannot be served. "
        f"{plain(stray.problem[:1].upper() + stray.problem[1:])}. "
        f"Promote version {stray.answers} to have both agree, or repair version {stray.named}.",
        icon=":material/flag:",
    )
