"""A dataset in full: its pictures, figures, problems and versions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from app.ui import dataset_browse, dataset_charts, dataset_report, dataset_versions, train_form
from app.ui.dataset_import import FORMATS
from app.ui.frame import card, page_header
from app.ui.model_row import access_badge, task_badge
from app.ui.session import platform
from app.ui.text import many, plain
from registry.access import Action, Actor, allowed
from registry.records import DatasetVersion
from registry.training.datasets.catalogue import DatasetSummary
from registry.training.datasets.export import formats_for
from registry.training.datasets.version import OpenVersion


@dataclass(frozen=True, slots=True)
class Shown:
    """The version that the page shows, among all of its dataset."""

    actor: Actor
    summary: DatasetSummary
    versions: Sequence[DatasetVersion]
    version: DatasetVersion
    content: OpenVersion

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.summary.record.name


def draw(actor: Actor, name: str) -> None:
    """The page of one dataset. Raises RegistryError when it is not there."""
    summary = platform().datasets.get(actor, name)
    versions = platform().datasets.versions(actor, name)
    way_back()
    actions = page_header(plain(name), plain(summary.record.description, longest=240))
    version = _chosen(versions)
    with st.spinner("Opening the version"):
        content = platform().datasets.open(actor, name, version.number)
    shown = Shown(actor, summary, versions, version, content)
    with actions:
        _export(shown)
    with st.container(horizontal=True, gap="small"):
        task_badge(summary.record.task)
        access_badge(summary.record.access_level)
        if version.note:
            st.badge(plain(version.note, longest=80), icon=":material/notes:", color="gray")
    _figures(shown)
    _views(shown)


def way_back() -> None:
    """The button that leads from one dataset to all of them."""
    if st.button("All datasets", key="dataset.back", icon=":material/arrow_back:", type="tertiary"):
        st.query_params.clear()
        st.rerun()


def _chosen(versions: Sequence[DatasetVersion]) -> DatasetVersion:
    """The version that the address names, else the newest."""
    by_number = {str(each.number): each for each in versions}
    return by_number.get(st.query_params.get("version", ""), versions[0])


def _export(shown: Shown) -> None:
    with st.popover("Export", icon=":material/download:", key="dataset.export"):
        st.markdown(f":gray[Version {shown.version.number} as a zip archive]")
        for form in formats_for(shown.content.dataset):
            address = f"/api/v1/datasets/{shown.name}/versions/{shown.version.number}/export?format={form}"
            st.link_button(FORMATS[form], address, icon=":material/folder_zip:", width="stretch")


def _figures(shown: Shown) -> None:
    version = shown.version
    figures = [
        ("Version", f"{version.number} of {len(shown.versions)}", "layers"),
        ("Images", f"{version.images:,}", "image"),
        ("Labels", f"{version.objects:,}", "select_all"),
        ("Classes", f"{len(version.classes):,}", "category"),
        ("Problems", f"{version.problems:,}", "warning"),
    ]
    for column, (label, value, icon) in zip(st.columns(len(figures)), figures, strict=True):
        with column, card(f"dataset_{icon}"):
            st.metric(label, value, icon=f":material/{icon}:")


def _views(shown: Shown) -> None:
    views: dict[str, Callable[[], None]] = {
        ":material/grid_view: Browse": lambda: dataset_browse.draw(shown.name, shown.version, shown.content),
        ":material/bar_chart: Statistics": lambda: dataset_charts.draw(shown.content.statistics),
        ":material/warning: Problems": lambda: _problems(shown),
        ":material/layers: Versions": lambda: dataset_versions.draw(
            shown.actor, shown.summary.record, shown.versions, shown.version
        ),
    }
    if allowed(shown.actor, Action.PUBLISH_MODEL):
        views[":material/model_training: Train"] = lambda: train_form.on_dataset(
            shown.actor, shown.name, shown.version.number, shown.summary.record.task
        )
    chosen = st.segmented_control(
        "View", list(views), default=next(iter(views)), key="dataset.view", required=True, label_visibility="collapsed"
    )
    views[chosen or next(iter(views))]()


def _problems(shown: Shown) -> None:
    report = shown.content.report
    with card("dataset_problems"):
        st.subheader("What the import found", anchor=False)
        if report is None:
            st.markdown(":gray[This version has no report.]")
            return
        out = f"{many(report.images_left_out, 'picture')} and {many(report.objects_left_out, 'label')} were left out."
        st.markdown(f":gray[{out}]")
        dataset_report.draw(report, "dataset")
