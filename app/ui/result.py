"""An answer about one picture: its figures, its rows, the time it took."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from app.ui import theme
from app.ui.frame import card
from app.ui.text import many, plain
from registry.models.answer import Answer, rows_of

_STAGES = {
    "queue": "Look-up, load",
    "decode": "Decode",
    "preprocess": "Preprocess",
    "inference": "Inference",
    "postprocess": "Postprocess",
}

Body = Mapping[str, Any]
_CORNERS = ("x1", "y1", "x2", "y2")


def summary(answer: Answer, body: Body) -> None:
    """The answer in four figures; `body` is the answer as the HTTP contract has it."""
    prediction, timing = answer.prediction, answer.prediction.timing_ms
    figures = [
        (_what(body), _how_many(body)),
        ("Inference", _milliseconds(timing.get("inference", 0.0))),
        ("Total", _milliseconds(timing.get("total", 0.0))),
        ("Picture", f"{prediction.width} × {prediction.height}"),
    ]
    widths = [0.85, 1, 1, 1.4]  # the last says the most
    for index, (column, (label, value)) in enumerate(zip(st.columns(widths), figures, strict=True)):
        with column, card(f"summary_{index}"):
            st.metric(label, value)


def _milliseconds(value: float) -> str:
    return f"{value:.1f} ms" if value < 10 else f"{value:,.0f} ms"


def _what(body: Body) -> str:
    if "classes" in body:
        return "Best class"
    if "embedding" in body:
        return "Values"
    return "Lines of text" if "text" in body else "Objects"


def _how_many(body: Body) -> str:
    if "classes" in body:
        return plain(body["classes"][0]["label"], longest=24) if body["classes"] else "–"
    return str(len(rows_of(body)))


def rows(body: Body, name: str = "result_rows") -> None:
    """What was found, row by row."""
    found = rows_of(body)
    with card(name):
        if not found:
            st.markdown("**Nothing found**  \n:gray[Lower the confidence, or try another picture.]")
            return
        frame = pd.DataFrame(found)
        if "classes" in body:
            _classes(frame.head(8))
            return
        if "embedding" in body:
            _embedding(frame)
            return
        first = "text" if "text" in body else "label"
        st.subheader(many(len(found), "line" if first == "text" else "object"), anchor=False)
        frame["box"] = [", ".join(f"{row[name]:.0f}" for name in _CORNERS if name in row) for row in found]
        order = [first, "score", *(["area"] if "area" in frame else []), "box"]
        columns = {
            first: st.column_config.TextColumn(first.capitalize(), width="small" if first == "label" else "medium"),
            "score": st.column_config.ProgressColumn(
                "Score", min_value=0, max_value=1, format="percent", width="small"
            ),
            "area": st.column_config.NumberColumn("Area, px", format="localized", width="small"),
            "box": st.column_config.TextColumn("x1, y1, x2, y2"),
        }
        tall = min(38 + 35 * len(found), 280)
        st.dataframe(frame, hide_index=True, column_order=order, column_config=columns, height=tall)


def _classes(frame: pd.DataFrame) -> None:
    st.subheader(f"Top {len(frame)} classes", anchor=False)
    for label, score in zip(frame["label"], frame["score"], strict=True):
        st.progress(min(max(float(score), 0.0), 1.0), text=f"{plain(str(label), longest=60)} :gray[{score:.1%}]")


def _embedding(frame: pd.DataFrame) -> None:
    st.subheader(f"Embedding of {len(frame)} values", anchor=False)
    bars = (
        alt.Chart(frame)
        .mark_bar(width={"band": 0.9})
        .encode(
            x=alt.X("index:O", title=None, axis=None),
            y=alt.Y("value:Q", title=None),
            tooltip=[alt.Tooltip("index:Q", title="Index"), alt.Tooltip("value:Q", title="Value", format=".4f")],
        )
    )
    st.altair_chart(bars.properties(height=220, background="transparent"), width="stretch")


def timing(answer: Answer) -> None:
    """How long each stage took."""
    spent = answer.prediction.timing_ms
    frame = pd.DataFrame({"stage": list(_STAGES.values()), "ms": [round(spent.get(name, 0.0), 2) for name in _STAGES]})
    base = alt.Chart(frame).encode(y=alt.Y("stage:N", sort=None, title=None))
    bars = base.mark_bar(cornerRadius=3, height=14).encode(
        x=alt.X("ms:Q", title=None, axis=None, scale=alt.Scale(domainMax=max(frame["ms"].max() * 1.25, 1))),
        tooltip=[alt.Tooltip("stage:N", title="Stage"), alt.Tooltip("ms:Q", title="ms")],
    )
    values = base.mark_text(align="left", dx=5, color=theme.ink()).encode(x="ms:Q", text=alt.Text("ms:Q", format=".1f"))
    with card("result_timing"):
        st.subheader("Time in milliseconds", anchor=False)
        st.altair_chart((bars + values).properties(height=150, background="transparent"), width="stretch")
