"""The pictures of a version in a grid, with their labels drawn on them."""

import pandas as pd
import streamlit as st

from app.ui import filters
from app.ui.dataset_report import KINDS
from app.ui.dataset_row import SPLITS
from app.ui.pager import page_number, pager
from app.ui.states import empty_state
from app.ui.text import many, plain
from registry.errors import RegistryError
from registry.records import DatasetVersion
from registry.training.datasets import sample_picture
from registry.training.datasets.sample import Sample
from registry.training.datasets.version import NO_SPLIT, OpenVersion

_COLUMNS, _ROWS = 4, 3
_TILE_PX, _LARGE_PX = 480, 1_280
_SPLIT_COLOURS = {"train": "blue", "val": "violet", "test": "green", "": "gray"}


def draw(name: str, version: DatasetVersion, content: OpenVersion) -> None:
    """Filters, the grid, the pager."""
    page = f"dataset_browse_{name}_{version.number}"
    split, label, problem, search = _filters(page, version, content)
    found = content.select(split=split, label=label, problem=problem, search=search)
    size = _COLUMNS * _ROWS
    first = (page_number(page) - 1) * size
    if not found:
        empty_state("image_search", "No picture matches", "Show every class, split and state.")
        return
    for start in range(first, min(first + size, len(found)), _COLUMNS):
        for column, sample in zip(
            st.columns(_COLUMNS), found[start : min(start + _COLUMNS, first + size)], strict=False
        ):
            with column:
                _tile(version, content, sample)
    pager(page, len(found), size, "picture")


def _filters(page: str, version: DatasetVersion, content: OpenVersion) -> tuple[str, str, str, str]:
    columns = st.columns([0.34, 0.22, 0.22, 0.22])
    with columns[0]:
        search = filters.words(page, "search", "Search file names")
    with columns[1]:
        splits = {split or NO_SPLIT: f"{SPLITS[split]} ({count:,})" for split, count in version.splits.items()}
        split = filters.choice(page, "split", "Split", {"": "Every split"} | splits)
    with columns[2]:
        label = filters.choice(page, "label", "Class", {"": "Every class"} | {each: each for each in version.classes})
    with columns[3]:
        kinds = sorted({kind for kinds in content.problems.values() for kind in kinds})
        options = {"": "With and without problems"} | ({"any": "Any problem"} if kinds else {})
        problem = filters.choice(page, "problem", "Problem", options | {kind: KINDS.get(kind, kind) for kind in kinds})
    return split, label, problem, search


def _tile(version: DatasetVersion, content: OpenVersion, sample: Sample) -> None:
    with st.container(key=f"tile_{sample.id}", border=True, gap="xsmall"):
        try:
            st.image(_picture(content, version.sha256, sample.id, _TILE_PX), width="stretch")
        except RegistryError:
            st.markdown(":gray[:material/broken_image: This picture is damaged.]")
        with st.container(
            horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", gap="xsmall"
        ):
            if st.button(
                plain(sample.file.rsplit("/", 1)[-1], longest=20), key=f"dataset.sample.{sample.id}", type="tertiary"
            ):
                _large(version, content, sample)
            if content.problems.get(sample.file):
                st.badge(" ", icon=":material/warning:", color="orange", help=_kinds(content, sample))
            if sample.split:
                st.badge(SPLITS[sample.split], color=_SPLIT_COLOURS[sample.split])  # type: ignore[arg-type]


@st.dialog("Sample", width="large")
def _large(version: DatasetVersion, content: OpenVersion, sample: Sample) -> None:
    st.markdown(f"**{plain(sample.file)}**")
    left, right = st.columns([0.62, 0.38], gap="medium")
    with left, st.container(key="result_picture_sample"):
        st.image(_picture(content, version.sha256, sample.id, _LARGE_PX), width="stretch")
    with right:
        _facts(content, sample)


def _facts(content: OpenVersion, sample: Sample) -> None:
    facts = [f"{sample.width} × {sample.height}", SPLITS[sample.split]]
    facts += [f"group {plain(sample.group, longest=60)}"] if sample.group else []
    facts += [f"{sample.captured_at:%d %B %Y, %H:%M} UTC"] if sample.captured_at else []
    st.caption(" · ".join([*facts, many(len(sample.class_ids), "label")]))
    if content.problems.get(sample.file):
        st.markdown(f":orange[:material/warning: {plain(_kinds(content, sample))}]")
    if sample.objects:
        rows = [
            {"Class": content.dataset.classes[item.class_id], "x1, y1, x2, y2": ", ".join(f"{v:g}" for v in item.box)}
            for item in sample.objects
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True, height=min(38 + 35 * len(rows), 420))


def _kinds(content: OpenVersion, sample: Sample) -> str:
    return ", ".join(KINDS.get(kind, kind) for kind in sorted(content.problems.get(sample.file, ())))


@st.cache_data(show_spinner=False, max_entries=600)
def _picture(_content: OpenVersion, sha256: str, sample_id: str, size: int) -> bytes:  # noqa: ARG001 - the cache's key
    return sample_picture.drawn(_content.folder, _content.dataset, _content.sample(sample_id), size)
