"""The history of a model's aliases: who moved which, when, from where to where."""

import streamlit as st

from app.ui.frame import card
from app.ui.pager import page_number, pager
from app.ui.session import platform
from app.ui.text import ago, plain
from registry.access import Actor
from registry.models import promotion
from registry.models.alias_history import Move
from registry.models.types import ModelSummary

_SIZE = 8


def draw(actor: Actor, model: ModelSummary) -> None:
    """The moves, newest first."""
    found = promotion.moves(platform().models, actor, model.name)
    with card("alias_moves"):
        st.subheader("Alias history", anchor=False)
        if not found:
            st.markdown(":gray[Nobody has moved an alias yet.]")
            return
        list_ = f"model.moves.{model.name}"
        first = (page_number(list_) - 1) * _SIZE
        with st.container(gap="xsmall"):
            for move in found[first : first + _SIZE]:
                st.markdown(_line(move))
        pager(list_, len(found), _SIZE, "move")
        newest = {move.alias: move.after for move in reversed(found)}
        if any(newest.get(alias) not in {None, version} for alias, version in model.aliases.items()):
            st.caption("An alias was moved in MLflow's own interface since: that move is in the audit trail.")


def _line(move: Move) -> str:
    before = f"v{move.before}" if move.before else "new"
    after = f"**v{move.after}**" if move.after else "removed"
    who = f"{plain(move.by, longest=40)}, {ago(move.at)}"
    return f"**{plain(move.alias)}** {before} → {after} :gray[· {who}]"
