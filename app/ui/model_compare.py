"""Two versions of a model side by side: what is written about them, and what both say about a picture."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app.ui import compare_picture, theme
from app.ui.frame import card
from app.ui.text import many
from registry.access import Actor
from registry.models.comparison import Fact, compare_cards
from registry.models.types import CHAMPION, ModelVersion
from registry.sizes import bytes_text

_TITLES = {
    "files": "Files",
    "card": "Card",
    "input": "Input",
    "thresholds": "Thresholds",
    "metrics": "Metrics",
    "lineage": "Lineage",
}
_NAMES = {"size_bytes": "size", "git_commit": "git commit", "run_id": "MLflow run", "created_at": "published"}
_LONGEST, _ROWS_MOST = 120, 15


def draw(actor: Actor, versions: Sequence[ModelVersion]) -> None:
    """Choose two, then look at what is written and at a picture."""
    left, right = _choose(versions)
    if left.version == right.version:
        st.info("Choose two different versions.", icon=":material/compare_arrows:")
        return
    _table(left, right)
    compare_picture.draw(actor, left, right)


def _choose(versions: Sequence[ModelVersion]) -> tuple[ModelVersion, ModelVersion]:
    by_number = {each.version: each for each in versions}
    numbers = list(by_number)
    champion = next((each.version for each in versions if CHAMPION in each.aliases), numbers[0])
    other = next(number for number in numbers if number != champion)
    first, second = sorted((champion, other))
    columns = st.columns(2, gap="medium")
    chosen = [
        column.selectbox(
            label,
            numbers,
            index=numbers.index(number),
            key=f"compare.{label.lower()}.{versions[0].name}",
            format_func=lambda each: _version_text(by_number[each]),
        )
        for column, label, number in zip(columns, ("Left", "Right"), (first, second), strict=True)
    ]
    return by_number[chosen[0]], by_number[chosen[1]]


def _version_text(version: ModelVersion) -> str:
    aliases = f"  ·  {', '.join(version.aliases)}" if version.aliases else ""
    return f"version {version.version}{aliases}"


def _table(left: ModelVersion, right: ModelVersion) -> None:
    facts = compare_cards(left, right)
    differing = [fact for fact in facts if fact.differs]
    with card("compare_table"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.subheader(many(len(differing), "difference"), anchor=False, width="content")
            whole = st.toggle("Show what is the same", key="compare.whole")
        shown = facts if whole else differing
        st.dataframe(
            _styled(shown, f"version {left.version}", f"version {right.version}"),
            hide_index=True,
            height="content" if len(shown) <= _ROWS_MOST else 36 * _ROWS_MOST,
            column_config={
                "": st.column_config.TextColumn(width="small"),
                "field": st.column_config.TextColumn("Field", width="small"),
            },
        )


def _styled(shown: Sequence[Fact], left: str, right: str) -> Any:
    frame = pd.DataFrame(
        {
            "": [_TITLES[fact.group] for fact in shown],
            "field": [_NAMES.get(fact.name, fact.name.replace("_", " ")) for fact in shown],
            left: [_text(fact.name, fact.left) for fact in shown],
            right: [_text(fact.name, fact.right) for fact in shown],
        }
    )
    mark = f"background-color: {theme.mark()}"
    marks = [mark if fact.differs else "" for fact in shown]
    return frame.style.apply(lambda _column: marks, subset=[left, right])


def _text(name: str, value: object) -> str:
    if value is None or value == "":
        return "–"
    if name == "size_bytes" and isinstance(value, int):
        return bytes_text(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        text = f"{len(value)}: {', '.join(map(str, value[:30]))}" if value else "–"
    else:
        text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
