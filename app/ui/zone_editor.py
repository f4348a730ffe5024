"""Drawing zones, lines and masks on a picture of the camera, with the rules that use them."""

from collections.abc import Callable, Sequence
from zoneinfo import available_timezones

import pandas as pd
import streamlit as st

from app.ui import rule_dialog, zone_draft
from app.ui.frame import card
from app.ui.marker import marker, sent
from app.ui.rule_words import in_vain, seconds, sentence
from app.ui.states import error_box
from app.ui.text import many, plain
from app.ui.zone_draft import KINDS, Draft, Shape
from registry.cameras.configuration import AnalysisSettings
from registry.errors import RegistryError

_DRAFTS, _TURN = "zones.drafts", "zones.turn"
_NAMES = {
    "zone": (":material/pentagon: Zone", "A part of the picture that rules speak of."),
    "line": (":material/trending_flat: Line", "Counts who crosses it: in is where the arrow points."),
    "mask": (":material/visibility_off: Mask", "Nothing that moves in it counts."),
}
_ICONS = {"zone": "pentagon", "line": "trending_flat", "mask": "visibility_off"}

Save = Callable[[AnalysisSettings], None]


def draw(
    camera_id: str,
    settings: AnalysisSettings,
    picture: tuple[bytes, tuple[int, int]],
    labels: Sequence[str],
    save: Save,
) -> None:
    """The editor; `picture` is a JPEG with its size, `save` stores the settings and raises RegistryError."""
    draft = _draft(camera_id, settings)
    jpeg, size_wh = picture
    key = f"zones.marker.{camera_id}"
    _listen(draft, key, size_wh)
    _bar(draft, save)
    left, right = st.columns([0.64, 0.36], gap="medium")
    with left, card("zone_picture"):
        _tools(camera_id, draft)
        late = marker(key, jpeg, size_wh, [], [], draft.outlines(size_wh), movable=True)
        if late is not None and late.at > draft.heard_at:
            _listen(draft, key, size_wh)
            st.rerun()
        st.caption(
            "Click corner by corner, or drag a rectangle; drag a corner to move it. Without a pointer: *Change* "
            "beside a shape takes numbers."
        )
    with right:
        _open_shape(draft)
        _shapes(draft)
    _rules(draft, labels)


def _draft(camera_id: str, settings: AnalysisSettings) -> Draft:
    """The draft of this camera, begun anew once what is saved has changed and nothing was drawn since.

    Each camera has its own for as long as its person is here: who looks elsewhere meanwhile loses nothing.
    """
    drafts: dict[str, Draft] = st.session_state.setdefault(_DRAFTS, {})
    held = drafts.setdefault(camera_id, zone_draft.draft_of(settings))
    if held.saved != settings:
        if not held.is_changed:
            held.settings = settings
        held.saved = settings
    return held


def is_unsaved(camera_id: str) -> bool:
    """Whether something was drawn on a camera and not saved."""
    held = st.session_state.get(_DRAFTS, {}).get(camera_id)
    return isinstance(held, Draft) and (held.is_changed or bool(held.points))


def _listen(draft: Draft, key: str, size_wh: tuple[int, int]) -> None:
    try:
        draft.take(sent(key, size_wh), size_wh)
    except RegistryError as error:
        draft.wrong = error


def _bar(draft: Draft, save: Save) -> None:
    """What is to be saved; always there, or all below would move with the first change."""
    with card("zones_unsaved"), st.container(horizontal=True, vertical_alignment="center"):
        if draft.is_changed:
            st.markdown(":material/edit: **Changes that are not saved yet**", width="stretch")
        else:
            st.markdown(":gray[Drawn on a still picture. The camera looks with what is saved.]", width="stretch")
        st.button("Discard", key="zones.discard", on_click=draft.discard, disabled=not draft.is_changed)
        pressed = st.button(
            "Save", key="zones.save", type="primary", icon=":material/check:", disabled=not draft.is_changed
        )
    if pressed:
        try:
            save(draft.settings)
        except RegistryError as error:
            error_box(error)
        else:
            draft.saved, draft.wrong = draft.settings, None
            st.toast("Saved: the camera looks with it from now on", icon=":material/check_circle:")
            st.rerun()


def _tools(camera_id: str, draft: Draft) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        kind = st.segmented_control(
            "Draw",
            KINDS,
            default=draft.kind,
            required=True,
            key=f"zones.kind.{camera_id}",
            format_func=lambda each: _NAMES[each][0],
            label_visibility="collapsed",
        )
        with st.container(horizontal=True, width="content"):
            has = bool(draft.points)
            st.button("Undo", key="zones.undo", icon=":material/undo:", on_click=draft.undo, disabled=not has)
            st.button("Clear", key="zones.clear", icon=":material/close:", on_click=draft.clear, disabled=not has)
    draft.begin(kind)


def _open_shape(draft: Draft) -> None:
    """What is being drawn, and the way to finish it."""
    name, about = _NAMES[draft.kind][0].partition(": ")[2], _NAMES[draft.kind][1]
    turn = st.session_state.get(_TURN, 0)
    with card("zone_open"):
        st.markdown(f"**New {name.lower()}**  \n:gray[{about}]")
        called = ""
        if draft.kind != "mask":
            called = st.text_input("Name", key=f"zones.name.{turn}", max_chars=64, placeholder="door")
        needed = 2 if draft.kind == "line" else 3
        if not draft.is_complete:
            st.caption(f"{many(len(draft.points), 'corner')} of at least {needed}: click on the picture.")
        if draft.wrong:
            error_box(draft.wrong)
        if st.button(f"Add {name.lower()}", key="zones.add", icon=":material/add:", disabled=not draft.is_complete):
            try:
                draft.close(called)
            except RegistryError as error:
                draft.wrong = error
            else:
                st.session_state[_TURN] = turn + 1  # a new key empties the field
            st.rerun()


def _shapes(draft: Draft) -> None:
    with card("zone_shapes"):
        st.subheader("On this picture", anchor=False)
        shapes = draft.shapes()
        if not shapes:
            st.markdown(":gray[Nothing is drawn yet: rules look at the whole picture.]")
        for shape in shapes:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(
                    f":material/{_ICONS[shape.kind]}: {plain(shape.name)}{_about(draft, shape)}", width="stretch"
                )
                with st.popover("Change", key=f"zones.change.{shape.key}", type="tertiary"):
                    _change(draft, shape)


def _about(draft: Draft, shape: Shape) -> str:
    if shape.kind != "zone":
        return ""
    after = draft.settings.zones[shape.index].loiter_s
    return f"  \n:gray[loitering after {seconds(after)}]" if after else ""


def _change(draft: Draft, shape: Shape) -> None:
    key = f"zones.{shape.key}.{shape.name}"
    fields: dict[str, object] = {}
    if shape.kind != "mask":
        fields["name"] = st.text_input("Name", shape.name, max_chars=64, key=f"{key}.name")
        fields["inertia"] = _inertia(draft, shape, key)
    if shape.kind == "zone":
        zone = draft.settings.zones[shape.index]
        fields["loiter_s"] = st.number_input(
            "Loiters after, s (0: never)", 0.0, 86_400.0, zone.loiter_s, step=5.0, key=f"{key}.loiter"
        )
    st.markdown("**Corners** :gray[in % of the picture, from the top left]")
    frame = pd.DataFrame([(x * 100, y * 100) for x, y in shape.points], columns=["x", "y"])
    column = st.column_config.NumberColumn(min_value=0, max_value=100, step=0.1, format="%.1f", required=True)
    rows = st.data_editor(
        frame,
        key=f"{key}.corners.{hash(shape.points)}",
        hide_index=True,
        num_rows="fixed" if shape.kind == "line" else "dynamic",
        column_config={"x": column, "y": column},
        height=min(38 + 35 * (len(frame) + 1), 220),
    )
    with st.container(horizontal=True):
        if st.button("Apply", key=f"{key}.apply", type="primary"):
            _try(lambda: _set(draft, shape, rows, fields))
        if shape.kind == "line" and st.button("Turn around", key=f"{key}.turn", icon=":material/swap_horiz:"):
            _try(lambda: draft.place(shape, list(reversed(shape.points))))
        if st.button("Delete", key=f"{key}.delete", icon=":material/delete:"):
            _try(lambda: draft.remove(shape))


def _inertia(draft: Draft, shape: Shape, key: str) -> int:
    part = draft.settings.zones[shape.index] if shape.kind == "zone" else draft.settings.lines[shape.index]
    about = "on the other side that make a crossing" if shape.kind == "line" else "in a row it takes to enter or leave"
    label, told = "Looks it takes (1 to 100)", f"How many analysed pictures {about}: more is steadier, and later."
    return int(st.number_input(label, 1, 100, part.inertia, key=f"{key}.inertia", help=told))


def _set(draft: Draft, shape: Shape, rows: pd.DataFrame, fields: dict[str, object]) -> None:
    if not rows.equals(pd.DataFrame([(x * 100, y * 100) for x, y in shape.points], columns=["x", "y"])):
        draft.place(shape, [(x / 100, y / 100) for x, y in rows.dropna().itertuples(index=False)])
    if fields:
        draft.change(shape, **fields)


def _try(change: Callable[[], None]) -> None:
    try:
        change()
    except RegistryError as error:
        error_box(error)
    else:
        st.rerun()


def _rules(draft: Draft, labels: Sequence[str]) -> None:
    with card("zone_rules"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader("What makes an event", anchor=False, width="content")
            if st.button("New rule", key="zones.rule.new", icon=":material/add:"):
                rule_dialog.open_rule(draft, None, labels)
        if not draft.settings.rules:
            st.markdown(":gray[No rule: this camera counts, but makes no events.]")
        for index, rule in enumerate(draft.settings.rules):
            left, right = st.columns([0.88, 0.12], vertical_alignment="center")
            doubt = in_vain(rule.labels, labels)
            told = f"  \n:orange[{doubt}]" if doubt else ""
            left.markdown(f"**{plain(rule.name)}**  \n:gray[{sentence(rule)}]{told}")
            with right.container(horizontal=True, horizontal_alignment="right"):
                if st.button("Change", key=f"zones.rule.{index}", type="tertiary"):
                    rule_dialog.open_rule(draft, index, labels)
        if any(rule.schedule for rule in draft.settings.rules):
            _time_zone(draft)


def _time_zone(draft: Draft) -> None:
    """In which time zone the rules' hours are read."""
    names = sorted(available_timezones())
    now = draft.settings.time_zone
    left, _ = st.columns([0.4, 0.6])
    chosen = left.selectbox("Time zone of the hours", names, names.index(now), key=f"zones.time_zone.{now}")
    if chosen != now:
        draft.set_time_zone(chosen)
        st.rerun()
