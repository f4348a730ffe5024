"""The figures of a version as charts."""

from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from app.ui.dataset_row import SPLITS
from app.ui.frame import card
from registry.training.datasets.statistics import GRID, Histogram, Statistics

_MOST_CLASSES = 30
_SPLIT_COLOURS = {"Train": "#3a57e8", "Validation": "#8e5bef", "Test": "#12a594", "No split": "#a3adc2"}
_BAR = "#3a57e8"
_LEAST_HEIGHT = 412  # as high as the two charts beside it

Chart = Any  # Altair builds its encodings at run time


def draw(figures: Statistics) -> None:
    """Every chart that has something to show."""
    left, right = st.columns([0.58, 0.42], gap="medium")
    with left, card("chart_classes"):
        st.subheader("Labels by class and split", anchor=False)
        _show(_classes(figures))
    with right, card("chart_splits"):
        st.subheader("Images by split", anchor=False)
        _show(_splits(figures))
    with right, card("chart_sizes"):
        st.subheader("Image sizes", anchor=False)
        _show(_sizes(figures))
    if not any(figures.box_size.counts):
        return
    columns = st.columns(3, gap="medium")
    with columns[0], card("chart_box_size"):
        st.subheader("Box size", anchor=False)
        st.caption("Side of a square of the same share of the picture")
        _show(_histogram(figures.box_size, alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1])))
    with columns[1], card("chart_box_aspect"):
        st.subheader("Box shape", anchor=False)
        st.caption("Width by height, from upright to wide")
        names = "datum.value < 0 ? '1:' + pow(2, -datum.value) : pow(2, datum.value) + ':1'"
        _show(_histogram(figures.box_aspect, alt.Axis(labelExpr=names, values=[-3, -2, -1, 0, 1, 2, 3])))
    with columns[2], card("chart_positions"):
        st.subheader("Where boxes are", anchor=False)
        st.caption("Their centres on the picture")
        _show(_positions(figures))


def _show(chart: Chart) -> None:
    st.altair_chart(chart.properties(background="transparent"), width="stretch")


def _classes(figures: Statistics) -> Chart:
    largest = sorted(figures.classes, key=lambda each: -each.objects)[:_MOST_CLASSES]
    rows = [
        {"class": each.name, "split": SPLITS[split], "labels": count, "order": list(SPLITS).index(split)}
        for each in largest
        for split, count in (each.by_split or {"": 0}).items()
    ]
    return (
        alt.Chart(pd.DataFrame(rows))
        .mark_bar(height={"band": 0.72})
        .encode(
            y=alt.Y(
                "class:N",
                sort=[each.name for each in largest],
                title=None,
                axis=alt.Axis(labelLimit=140, labelOverlap=False),
            ),
            x=alt.X("labels:Q", title=None, axis=alt.Axis(tickCount=5, format="d", tickMinStep=1)),
            color=_colour(figures),
            order="order:O",
            tooltip=["class:N", "split:N", "labels:Q"],
        )
        .properties(height=max(_LEAST_HEIGHT, 26 * len(largest) + 30))
    )


def _colour(figures: Statistics) -> alt.Color:
    used = [SPLITS[split] for split in SPLITS if split in figures.images_by_split]
    scale = alt.Scale(domain=used, range=[_SPLIT_COLOURS[name] for name in used])
    return alt.Color("split:N", scale=scale, legend=alt.Legend(orient="bottom", title=None))


def _splits(figures: Statistics) -> Chart:
    rows = [{"split": SPLITS[split], "images": count} for split, count in figures.images_by_split.items()]
    return (
        alt.Chart(pd.DataFrame(rows))
        .mark_bar(height={"band": 0.6}, cornerRadius=3)
        .encode(
            y=alt.Y("split:N", sort=list(SPLITS.values()), title=None),
            x=alt.X("images:Q", title=None, axis=alt.Axis(tickCount=4, format="d", tickMinStep=1)),
            color=_colour(figures).legend(None),
            tooltip=["split:N", "images:Q"],
        )
        .properties(height=138)
    )


def _sizes(figures: Statistics) -> Chart:
    rows = [{"width": each.width, "height": each.height, "images": each.images} for each in figures.image_sizes]
    return (
        alt.Chart(pd.DataFrame(rows))
        .mark_circle(color=_BAR, opacity=0.6)
        .encode(
            x=alt.X("width:Q", title="width, px", axis=alt.Axis(tickCount=5, format="d")),
            y=alt.Y("height:Q", title="height, px", axis=alt.Axis(tickCount=4, format="d")),
            size=alt.Size("images:Q", legend=None, scale=alt.Scale(range=[60, 600])),
            tooltip=["width:Q", "height:Q", "images:Q"],
        )
        .properties(height=190)
    )


def _histogram(figures: Histogram, axis: alt.Axis) -> Chart:
    rows = [
        {"from": low, "to": high, "boxes": count}
        for low, high, count in zip(figures.edges[:-1], figures.edges[1:], figures.counts, strict=True)
    ]
    return (
        alt.Chart(pd.DataFrame(rows))
        .mark_bar(color=_BAR, binSpacing=1)
        .encode(
            x=alt.X("from:Q", bin="binned", title=None, axis=axis),
            x2="to",
            y=alt.Y("boxes:Q", title=None, axis=alt.Axis(tickCount=4, format="d", tickMinStep=1)),
            tooltip=["boxes:Q"],
        )
        .properties(height=200)
    )


def _positions(figures: Statistics) -> Chart:
    rows = [
        {"column": column, "row": row, "boxes": count}
        for row, counts in enumerate(figures.positions)
        for column, count in enumerate(counts)
    ]
    axis = alt.Axis(labels=False, ticks=False, domain=False, grid=False)
    return (
        alt.Chart(pd.DataFrame(rows))
        .mark_rect()
        .encode(
            x=alt.X("column:O", title=None, axis=axis, scale=alt.Scale(domain=list(range(GRID)))),
            y=alt.Y("row:O", title=None, axis=axis, scale=alt.Scale(domain=list(range(GRID)))),
            color=alt.Color("boxes:Q", legend=None, scale=alt.Scale(range=["#eef1fb", "#3a57e8", "#1b2a7a"])),
            tooltip=["boxes:Q"],
        )
        .properties(height=200)
    )
