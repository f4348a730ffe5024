"""The curves of a training, live: losses at the left, figures on the validation split at the right."""

from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from app.ui.frame import card
from app.ui.session import platform
from registry.access import Actor
from registry.training.finetune.watching import epochs_of

_FIGURES = ("mAP50", "mAP50-95", "mask mAP50", "mask mAP50-95", "precision", "recall", "accuracy", "top5 accuracy")
_HEIGHT = 230


def draw(actor: Actor, job: dict[str, Any]) -> None:
    """Both charts as soon as there is an epoch."""
    rows = epochs_of(platform().jobs, actor, job["id"])
    with card("training_curves"):
        st.subheader("Epochs", anchor=False)
        if not rows:
            st.markdown(":gray[The curves begin with the first epoch.]")
            return
        frame = pd.DataFrame(rows)
        left, right = st.columns(2, gap="medium")
        losses = [name for name in frame.columns if name.startswith("loss/")]
        with left:
            st.caption("Loss, in training and on the validation split")
            _chart(frame, losses, None)
        with right:
            st.caption("On the validation split")
            _chart(frame, [name for name in _FIGURES if name in frame], (0, 1))


def _chart(frame: pd.DataFrame, names: list[str], domain: tuple[float, float] | None) -> None:
    long = frame.melt("epoch", names, "figure", "value").dropna()
    long["where"] = long["figure"].map(lambda name: "validation" if name.startswith("loss/val") else "training")
    long["figure"] = long["figure"].str.removeprefix("loss/train/").str.removeprefix("loss/val/")
    scale = alt.Scale(domain=list(domain)) if domain else alt.Undefined
    epochs = int(frame["epoch"].max())
    axis = alt.Axis(title="epoch", tickMinStep=1, tickCount=min(epochs, 10), format="d")
    lines = (
        alt.Chart(long)
        .mark_line(point=len(frame) <= 30, strokeWidth=2)
        .encode(
            x=alt.X("epoch:Q", axis=axis, scale=alt.Scale(domain=[1, max(epochs, 2)])),
            y=alt.Y("value:Q", title=None, scale=scale),
            color=alt.Color("figure:N", title=None, legend=alt.Legend(orient="bottom")),
            tooltip=["figure", "where", "epoch", alt.Tooltip("value:Q", format=".4f")],
            **({} if domain else {"strokeDash": alt.StrokeDash("where:N", title=None, legend=_LEGEND)}),
        )
    )
    st.altair_chart(lines.properties(height=_HEIGHT, background="transparent"), width="stretch")


_LEGEND = alt.Legend(orient="bottom")
