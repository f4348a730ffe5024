"""The grid of cameras: filters, tiles that keep themselves up to date, paging."""

import streamlit as st

from app.ui import filters
from app.ui.camera_tile import tile
from app.ui.camera_words import STATES
from app.ui.pager import page_number, pager
from app.ui.session import platform
from app.ui.states import empty_state
from registry.access import Action, Actor, allowed
from registry.records.camera_list import CameraFilter

_POLL_S = 2.0
_ROWS = 4
_MOST_MOVING = 4  # a browser keeps six connections to a server, and the page needs some itself
_COLUMNS, _DEFAULT_COLUMNS = (1, 2, 3, 4, 5), 3
_WIDTH = "cameras.width"


def draw(actor: Actor) -> None:
    """Filters, tiles, pager."""
    wanted, columns = _filters(actor)
    size = columns * _ROWS

    @st.fragment(run_every=_POLL_S)
    def grid() -> None:
        cameras, total = platform().cameras.page(actor, wanted, number=page_number("cameras"), size=size)
        if not cameras:
            _nothing(actor, filtered=wanted != CameraFilter())
            return
        moving = len(cameras) <= _MOST_MOVING
        for start in range(0, len(cameras), columns):
            for column, camera in zip(st.columns(columns), cameras[start : start + columns], strict=False):
                with column:
                    tile(actor, camera, moving=moving)
        pager("cameras", total, size, "camera")

    grid()


def _filters(actor: Actor) -> tuple[CameraFilter, int]:
    groups = platform().camera_groups.list(actor)
    widths = [0.36, 0.24, 0.24, 0.16]
    columns = st.columns(widths, vertical_alignment="center")
    with columns[0]:
        text = filters.words("cameras", "search", "Search names and addresses")
    with columns[1]:
        named = {each["id"]: f"{each['name']} ({each['cameras']})" for each in groups}
        group = filters.choice("cameras", "group", "Group", {"": "Every group"} | named | {"none": "In no group"})
    with columns[2]:
        states = {"": "Every state"} | {state: words[0] for state, words in STATES.items()}
        state = filters.choice("cameras", "state", "State", states)
    with columns[3]:
        width = _columns()
    return CameraFilter(group_id=group, state=state, text=text), width


def _columns() -> int:
    """How many tiles stand beside each other; kept while one is signed in, and in the page's address."""
    given = st.query_params.get("columns", "")
    kept = st.session_state.get(_WIDTH) or (int(given) if given.isdecimal() else _DEFAULT_COLUMNS)
    chosen = st.selectbox(
        "Columns",
        _COLUMNS,
        index=_COLUMNS.index(kept) if kept in _COLUMNS else _COLUMNS.index(_DEFAULT_COLUMNS),
        key="cameras.columns",
        format_func=lambda each: f"{each} column{'s' if each > 1 else ''}",
        label_visibility="collapsed",
    )
    st.session_state[_WIDTH] = chosen
    if chosen != _DEFAULT_COLUMNS or given:
        st.query_params["columns"] = str(chosen)
    return chosen


def _nothing(actor: Actor, *, filtered: bool) -> None:
    if filtered:
        empty_state("search_off", "No such camera", "Try another word, or show every group and state.")
    elif allowed(actor, Action.ADD_CAMERA):
        text = "Add the first one: the address of its stream is all it takes, such as rtsp://10.20.0.7:554/stream2."
        empty_state("videocam", "No cameras yet", text)
    else:
        empty_state("videocam", "No cameras yet", "An engineer has to add one first. You will see it here.")
