"""An answer about one picture: the picture with the answer on it, the rows, the time it took."""

import json

import altair as alt
import pandas as pd
import streamlit as st

from app.ui import theme
from app.ui.frame import card
from app.ui.text import many, plain
from registry.models.answer import Answer

_STAGES = {
    "queue": "Look-up, load",
    "decode": "Decode",
    "preprocess": "Preprocess",
    "inference": "Inference",
    "postprocess": "Postprocess",
}

_CORNERS = ("x1", "y1", "x2", "y2")


def draw(answer: Answer) -> None:
    """Everything about one answer."""
    _summary(answer)
    left, right = st.columns([0.62, 0.38], gap="medium")
    with left, card("result_picture"):
        st.image(answer.plot(), width="stretch", output_format="JPEG")
    with right:
        _rows(answer)
        _timing(answer)
        _download(answer)


def _summary(answer: Answer) -> None:
    prediction, timing = answer.prediction, answer.prediction.timing_ms
    figures = [
        (_what(answer), _how_many(answer)),
        ("Inference", _milliseconds(timing.get("inference", 0.0))),
        ("Total", _milliseconds(timing.get("total", 0.0))),
        ("Picture", f"{prediction.width} × {prediction.height}"),
    ]
    for index, (column, (label, value)) in enumerate(zip(st.columns(len(figures)), figures, strict=True)):
        with column, card(f"summary_{index}"):
            st.metric(label, value)


def _milliseconds(value: float) -> str:
    return f"{value:.1f} ms" if value < 10 else f"{value:,.0f} ms"


def _what(answer: Answer) -> str:
    if answer.prediction.classes is not None:
        return "Best class"
    return "Lines of text" if answer.prediction.lines is not None else "Objects"


def _how_many(answer: Answer) -> str:
    prediction = answer.prediction
    if prediction.classes is not None:
        return plain(prediction.classes[0].label, longest=24) if prediction.classes else "–"
    return str(len(answer.rows()))


def _rows(answer: Answer) -> None:
    rows = answer.rows()
    with card("result_rows"):
        if not rows:
            st.markdown("**Nothing found**  \n:gray[Lower the confidence, or try another picture.]")
            return
        frame = pd.DataFrame(rows)
        if answer.prediction.classes is not None:
            _classes(frame.head(8))
            return
        first = "text" if answer.prediction.lines is not None else "label"
        st.subheader(many(len(rows), "line" if first == "text" else "object"), anchor=False)
        frame["box"] = [", ".join(f"{row[name]:.0f}" for name in _CORNERS if name in row) for row in rows]
        columns = {
            first: st.column_config.TextColumn(first.capitalize(), width="small" if first == "label" else "medium"),
            "score": st.column_config.ProgressColumn(
                "Score", min_value=0, max_value=1, format="percent", width="small"
            ),
            "box": st.column_config.TextColumn("x1, y1, x2, y2"),
        }
        tall = min(38 + 35 * len(rows), 280)
        st.dataframe(frame, hide_index=True, column_order=[first, "score", "box"], column_config=columns, height=tall)


def _classes(frame: pd.DataFrame) -> None:
    st.subheader(f"Top {len(frame)} classes", anchor=False)
    for label, score in zip(frame["label"], frame["score"], strict=True):
        st.progress(min(max(float(score), 0.0), 1.0), text=f"{plain(str(label), longest=60)} :gray[{score:.1%}]")


def _timing(answer: Answer) -> None:
    timing = answer.prediction.timing_ms
    frame = pd.DataFrame({"stage": list(_STAGES.values()), "ms": [round(timing.get(name, 0.0), 2) for name in _STAGES]})
    base = alt.Chart(frame).encode(y=alt.Y("stage:N", sort=None, title=None))
    bars = base.mark_bar(cornerRadius=3, height=14).encode(
        x=alt.X("ms:Q", title=None, axis=None, scale=alt.Scale(domainMax=max(frame["ms"].max() * 1.25, 1))),
        tooltip=[alt.Tooltip("stage:N", title="Stage"), alt.Tooltip("ms:Q", title="ms")],
    )
    values = base.mark_text(align="left", dx=5, color=theme.ink()).encode(x="ms:Q", text=alt.Text("ms:Q", format=".1f"))
    with card("result_timing"):
        st.subheader("Time in milliseconds", anchor=False)
        st.altair_chart((bars + values).properties(height=150, background="transparent"), width="stretch")


def _download(answer: Answer) -> None:
    body = answer.to_dict()
    text = json.dumps(body, indent=2, ensure_ascii=False)
    with st.expander("Answer as JSON", icon=":material/data_object:"):
        st.json(body, expanded=1)
    st.download_button(
        "Download JSON",
        text,
        file_name=f"{answer.version.name}-v{answer.version.version}.json",
        mime="application/json",
        icon=":material/download:",
        key="inference.download",
        on_click="ignore",
        width="stretch",
    )
