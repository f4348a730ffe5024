"""The history of one's own answers: a list, one of them in full, and the way to forget."""

from functools import partial

import streamlit as st

from app.ui import result
from app.ui.confirm import confirmed
from app.ui.download import download
from app.ui.frame import card, page_header
from app.ui.model_row import task_badge
from app.ui.pager import first_page, page_number, pager
from app.ui.session import platform
from app.ui.states import empty_state, error_box
from app.ui.text import ago, plain
from registry.access import Actor
from registry.errors import RegistryError
from registry.models import exports
from registry.records import InferenceResult

_LIST, _SIZE = "history", 10


def draw(actor: Actor) -> None:
    """The list, or the result that the address names."""
    result_id = st.query_params.get("result")
    if result_id:
        try:
            _one(actor, result_id)
        except RegistryError as error:
            error_box(error)
            _way_back("All results", {"view": "history"})
        return
    _way_back("Back to inference", {})
    actions = page_header("History", "What you were answered on this page. Nobody else sees it.")
    found, total = platform().history.page(actor, number=page_number(_LIST), size=_SIZE)
    if not found and total:
        first_page(_LIST)
        st.rerun()
    if not found:
        empty_state("history", "Nothing yet", "What you run on the Inference page is kept here.")
        return
    with actions:
        _clear(actor, total)
    for each in found:
        _row(each)
    pager(_LIST, total, _SIZE, "result")


def open_history() -> None:
    """Go to the list."""
    st.query_params.from_dict({"view": "history"})
    st.rerun()


def _way_back(label: str, address: dict[str, str]) -> None:
    if st.button(label, key="history.back", icon=":material/arrow_back:", type="tertiary"):
        st.query_params.from_dict(address)
        st.rerun()


def _clear(actor: Actor, total: int) -> None:
    question = f"All {total:,} results are deleted. They cannot be brought back."
    if confirmed("history.clear", "Delete all", question, icon="delete_sweep", really="Really delete all"):
        platform().history.clear(actor)
        first_page(_LIST)
        st.rerun()


def _row(each: InferenceResult) -> None:
    with card(f"link_result_{each.id}"):
        picture, text, button = st.columns([0.12, 0.73, 0.15], vertical_alignment="center", gap="medium")
        with picture, st.container(key=f"sample_result_{each.id}"):
            st.image(each.picture, width="stretch")
        with text, st.container(gap="xsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"**{plain(each.image_name, longest=60)}**", width="content")
                task_badge(each.task)
            st.caption(f"{plain(each.summary)} · {plain(_model(each))} · {ago(each.created_at)}")
        with button, st.container(horizontal=True, horizontal_alignment="right"):
            if st.button("Open", key=f"history.open.{each.id}"):
                st.query_params.from_dict({"view": "history", "result": each.id})
                st.rerun()


def _one(actor: Actor, result_id: str) -> None:
    found = platform().history.get(actor, result_id)
    _way_back("All results", {"view": "history"})
    when = f"{found.created_at:%d %B %Y, %H:%M} UTC"
    actions = page_header(plain(found.image_name, longest=60), f"{plain(_model(found))} · {when}")
    with actions:
        if confirmed(
            f"history.forget.{found.id}",
            "Delete",
            "This result cannot be brought back.",
            icon="delete",
            really="Really delete",
        ):
            platform().history.forget(actor, found.id)
            st.query_params.from_dict({"view": "history"})
            st.rerun()
    left, right = st.columns([0.6, 0.4], gap="medium")
    with left, card("result_picture"):
        st.image(found.picture, width="stretch")
        _downloads(found)
    with right:
        result.rows(found.answer)


def _downloads(found: InferenceResult) -> None:
    stem = exports.file_stem(found.image_name)
    with st.container(horizontal=True, gap="small"):
        for label, make, mime in (
            ("JSON", exports.json_text, "application/json"),
            ("CSV", exports.csv_text, "text/csv"),
        ):
            file_name = f"{stem}.{label.lower()}"
            download(label, partial(make, found.answer), file_name, mime, key=f"history.download.{label}")


def _model(each: InferenceResult) -> str:
    return f"{each.model_name} version {each.model_version}"
