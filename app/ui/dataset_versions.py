"""The versions of a dataset: what each holds, what changed between two, and what can be done next."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.ui.confirm import confirmed
from app.ui.dataset_row import SPLITS
from app.ui.frame import card
from app.ui.session import platform
from app.ui.states import error_box
from app.ui.text import many, plain
from registry.access import Action, Actor, allowed
from registry.errors import RegistryError
from registry.records import DatasetRecord, DatasetVersion
from registry.sizes import bytes_text
from registry.training.datasets.catalogue import target_of
from registry.training.datasets.difference import Difference
from registry.training.datasets.plan import SplitPlan, plan_from


def draw(actor: Actor, record: DatasetRecord, versions: Sequence[DatasetVersion], shown: DatasetVersion) -> None:
    """The table, the comparison, and for those who may, splits, copies and the end."""
    with card("dataset_versions"):
        left, right = st.columns([0.78, 0.22], vertical_alignment="center")
        left.subheader("Versions", anchor=False)
        with right:
            _choose(versions, shown)
        _table(versions)
    may_change = allowed(actor, Action.CHANGE_DATASET, target_of(record))
    first, *others = st.columns([0.56, 0.44] if may_change else 1, gap="medium")
    with first:
        _compare(actor, record, versions)
    for column in others:
        with column:
            _divide(actor, record, shown)
            _care(actor, record, shown)


def _table(versions: Sequence[DatasetVersion]) -> None:
    frame = pd.DataFrame(
        {
            "Version": [each.number for each in versions],
            "Images": [each.images for each in versions],
            "Labels": [each.objects for each in versions],
            "Splits": [" · ".join(f"{s or 'none'} {n:,}" for s, n in each.splits.items()) for each in versions],
            "Note": [each.note for each in versions],
            "Made": [each.created_at for each in versions],
            "By": [each.created_by for each in versions],
            "Size": [bytes_text(each.size_bytes) for each in versions],
        }
    )
    narrow = st.column_config.NumberColumn(width=64)
    columns = {  # together as wide as the card on a small laptop
        "Version": narrow,
        "Images": narrow,
        "Labels": narrow,
        "Splits": st.column_config.TextColumn(width=190),
        "Note": st.column_config.TextColumn(width=250),
        "Made": st.column_config.DatetimeColumn(format="distance", width=110),
        "By": st.column_config.TextColumn(width=80),
        "Size": st.column_config.TextColumn(width=80),
    }
    st.dataframe(frame, hide_index=True, column_config=columns, height=min(38 + 35 * len(versions), 320))


def _choose(versions: Sequence[DatasetVersion], shown: DatasetVersion) -> None:
    numbers = [each.number for each in versions]
    if len(numbers) == 1:
        return
    chosen = st.selectbox(
        "Version shown",
        numbers,
        index=numbers.index(shown.number),
        key=f"dataset.shown.{shown.number}",
        format_func=lambda each: f"Show version {each}",
        label_visibility="collapsed",
    )
    if chosen != shown.number:
        st.query_params["version"] = str(chosen)
        st.rerun()


def _compare(actor: Actor, record: DatasetRecord, versions: Sequence[DatasetVersion]) -> None:
    with card("dataset_compare"):
        st.subheader("What changed", anchor=False)
        numbers = [each.number for each in versions]
        if len(numbers) == 1:
            st.markdown(":gray[There is one version. Import another, or divide the samples anew, to compare.]")
            return
        left, right = st.columns(2)
        before = left.selectbox("From", numbers, index=1, key="dataset.before")
        after = right.selectbox("To", numbers, index=0, key="dataset.after")
        found = platform().datasets.diff(actor, record.name, before, after)
        _difference(found)


def _difference(found: Difference) -> None:
    figures = {
        "Added": found.images_added,
        "Removed": found.images_removed,
        "Changed": found.images_changed,
        "Same": found.images_same,
    }
    for column, (label, count) in zip(st.columns(4), figures.items(), strict=True):
        column.metric(f"Images {label.lower()}", f"{count:,}")
    moved = [each for each in found.classes if each.added or each.removed]
    if moved:
        rows = [
            {"Class": c.name, "Added": c.added, "Removed": c.removed, "Before": c.before, "After": c.after}
            for c in moved
        ]
        st.dataframe(pd.DataFrame(rows), hide_index=True, height=min(38 + 35 * len(rows), 260))
    else:
        st.markdown(":gray[No label was added or removed.]")
    files = [{"Image": file, "What": "added"} for file in found.added]
    files += [{"Image": file, "What": "removed"} for file in found.removed]
    for each in found.changed:
        parts = [("picture", each.picture), ("labels", each.labels), (f"split {each.split}", each.split)]
        files.append({"Image": each.file, "What": ", ".join(text for text, holds in parts if holds)})
    if files:
        with st.expander(many(len(files), "image"), icon=":material/image:"):
            st.dataframe(pd.DataFrame(files), hide_index=True, height=min(38 + 35 * len(files), 300))


def _divide(actor: Actor, record: DatasetRecord, shown: DatasetVersion) -> None:
    with card("dataset_divide"), st.form("dataset.divide", border=False):
        st.subheader("Divide anew", anchor=False)
        fixed = "Its test split stays as it is." if shown.splits.get("test") else "Like pictures stay together."
        st.markdown(f":gray[Makes a new version of version {shown.number}. {fixed}]")
        left, right = st.columns(2)
        by = left.selectbox("By", ["group", "time"], format_func=str.capitalize, key="dataset.divide_by")
        seed = right.number_input("Seed", 0, 2**31, 7, key="dataset.divide_seed")
        columns = st.columns(3)
        shares = [
            column.number_input(f"{SPLITS[split]}, %", 0, 100, value, key=f"dataset.divide_{split}")
            for column, (split, value) in zip(columns, {"train": 70, "val": 15, "test": 15}.items(), strict=True)
        ]
        pattern = st.text_input(
            "Groups in file names", key="dataset.divide_pattern", max_chars=100, placeholder="{group}_*.jpg"
        )
        pressed = st.form_submit_button("Divide", icon=":material/call_split:")
    if pressed:
        try:
            with st.spinner("Dividing"):
                plan = _plan(by, shares, int(seed), pattern.strip())
                made = platform().dataset_changes.split(actor, record.name, plan, shown.number)
        except RegistryError as error:
            error_box(error)
        else:
            st.query_params["version"] = str(made.number)
            st.rerun()


def _plan(by: str, shares: Sequence[int], seed: int, pattern: str) -> SplitPlan:
    train, val, test = (share / 100 for share in shares)
    return plan_from({"by": by, "train": train, "val": val, "test": test, "seed": seed, "pattern": pattern})


def _care(actor: Actor, record: DatasetRecord, shown: DatasetVersion) -> None:
    with card("dataset_care"):
        st.subheader("Copies", anchor=False)
        pushed = (
            f"was copied to the remote on {shown.pushed_at:%d %B %Y}"
            if shown.pushed_at
            else "lies on this machine only"
        )
        st.markdown(f":gray[Version {shown.number} {pushed}.]")
        with st.container(horizontal=True):
            if st.button("Copy to the remote", key="dataset.push", icon=":material/cloud_upload:"):
                _push(actor, record, shown)
        if allowed(actor, Action.DELETE_DATASET, target_of(record)):
            question = f"Delete {record.name} with all its versions? Models trained on it stay."
            if confirmed("dataset.delete", "Delete dataset", question, icon="delete", really="Delete"):
                _delete(actor, record)


def _push(actor: Actor, record: DatasetRecord, shown: DatasetVersion) -> None:
    try:
        with st.spinner("Copying"):
            platform().dataset_changes.push(actor, record.name, shown.number)
    except RegistryError as error:
        error_box(error)
    else:
        st.rerun()


def _delete(actor: Actor, record: DatasetRecord) -> None:
    try:
        platform().dataset_changes.delete(actor, record.name)
    except RegistryError as error:
        error_box(error)
        return
    st.toast(f"{plain(record.name)} is deleted", icon=":material/delete:")
    st.query_params.clear()
    st.rerun()
