"""What came of a training: figures beside the parent's, the way to the new version, tables and pictures."""

import io
import json
from typing import Any

import pandas as pd
import streamlit as st

from app.ui.frame import card
from app.ui.job_downloads import downloads
from app.ui.session import platform
from app.ui.text import plain
from registry.access import Actor

_SHOWN = 5
_ROW, _TALLEST = 35, 420


def draw(actor: Actor, job: dict[str, Any], result: dict[str, Any]) -> None:
    """The cards below the curves."""
    if result.get("figures"):
        _figures(result)
        left, right = st.columns([0.62, 0.38], gap="medium")
        with left:
            _classes(actor, job)
        with right:
            _version(result)
            _data(result)
        _pictures(actor, job)
    _trials(result)
    downloads(result["files"])


def _figures(result: dict[str, Any]) -> None:
    """On the test split; the change is against the parent on the same pictures."""
    before = result.get("parent_figures") or {}
    shown = list(result["figures"].items())[:_SHOWN]
    for index, (column, (name, value)) in enumerate(zip(st.columns(len(shown)), shown, strict=True)):
        change = f"{value - before[name]:+.3f}" if name in before else None
        with column, card(f"training_figure_{index}"):
            st.metric(plain(name), f"{value:.3f}", change, delta_color="normal" if change else "off")


def _version(result: dict[str, Any]) -> None:
    name, version = result["model"]["name"], result["model"]["version"]
    with card("training_version"):
        st.subheader("The new version", anchor=False)
        better = _better(result)
        st.markdown(f"**{plain(name)}**, version {version}. {better}")
        st.markdown(":gray[It answers nobody by default yet. Compare it with what answers now, then promote it there.]")
        if st.button(f"Open version {version}", key="training.open", type="primary", icon=":material/open_in_new:"):
            st.switch_page(st.session_state["pages"]["models"], query_params={"model": name, "version": str(version)})


def _better(result: dict[str, Any]) -> str:
    before, headline = result.get("parent_figures"), result["headline"]
    if not before:
        return ""
    change = result["figures"][headline] - before[headline]
    word = "better than" if change > 0 else "no better than"
    return f"On these pictures it is {word} its parent {plain(result['parent'])} ({headline} {change:+.3f})."


def _data(result: dict[str, Any]) -> None:
    data, test = result["dataset"], result["test"]
    stopped = ", then no better one came" if result["stopped_early"] else ""
    lines = [
        f"Dataset {plain(data['name'])}, version {data['version']}",
        f"Test split: {test['images']:,} pictures, {test['objects']:,} labels",
        f"{result['epochs']} epochs, the best was {result['best_epoch']}{stopped}",
        f"ONNX differs from the network by {max(result['onnx_difference'].values()):.2g}",
    ]
    with card("training_data"):
        st.subheader("How it was made", anchor=False)
        for text in lines:
            st.markdown(f":gray[{text}]")
        for remark in result["remarks"]:
            st.warning(plain(remark), icon=":material/info:")


def _classes(actor: Actor, job: dict[str, Any]) -> None:
    frame = pd.read_parquet(io.BytesIO(_read(actor, job, "classes.parquet")))
    bar = st.column_config.ProgressColumn(min_value=0, max_value=1, format="%.2f")
    columns = {name: bar for name in frame.columns if name not in {"class", "objects"}}
    with card("training_classes"):
        st.subheader("By class", anchor=False)
        height = min(38 + _ROW * len(frame), _TALLEST)
        st.dataframe(frame, hide_index=True, column_config=columns, height=height)


def _pictures(actor: Actor, job: dict[str, Any]) -> None:
    names = {"confusion.png": "Confusion matrix", "precision_recall.png": "Precision against recall"}
    for column, (name, title) in zip(st.columns(2, gap="medium"), names.items(), strict=True):
        with column, card(f"training_{name.partition('.')[0]}"):
            st.subheader(title, anchor=False)
            st.image(_read(actor, job, name), width="stretch")


def _trials(result: dict[str, Any]) -> None:
    if not result.get("trials"):
        return
    rows = [
        {
            "Trial": each["number"] + 1,
            "Best": max(each["epochs"], default=0.0),
            "Epochs": len(each["epochs"]),
            "Ended early": each["pruned"],
            "Settings": json.dumps(each["parameters"]),
        }
        for each in result["trials"]
    ]
    with card("training_trials"):
        st.subheader("Search", anchor=False)
        st.dataframe(pd.DataFrame(rows), hide_index=True, height=min(38 + _ROW * len(rows), _TALLEST))


def _read(actor: Actor, job: dict[str, Any], name: str) -> bytes:
    file, _ = platform().jobs.open_result(actor, job["id"], name)
    with file:
        return file.read()
