"""The form of one rule: what has to hold before something becomes an event."""

from collections.abc import Callable, Sequence
from datetime import time
from typing import Any

import streamlit as st

from app.ui.rule_words import DAYS, in_vain
from app.ui.states import error_box
from app.ui.zone_draft import Draft
from registry.cameras.configuration import RuleSettings
from registry.errors import RegistryError

_HOURS = "rule.hours"  # how many spans of hours the form shows
_MOST_HOURS = 6


def open_rule(draft: Draft, index: int | None, labels: Sequence[str]) -> None:
    """Open the form of a rule by its number, or of a new one; `labels` are the classes that the model knows."""
    rule = draft.settings.rules[index] if index is not None else RuleSettings(name="new", ignores_stationary=True)
    st.session_state[_HOURS] = len(rule.schedule)
    _dialog(draft, index, rule, list(labels))


@st.dialog("Rule", width="large")
def _dialog(draft: Draft, index: int | None, rule: RuleSettings, labels: list[str]) -> None:
    key = f"rule.{'new' if index is None else index}"
    left, right = st.columns([0.4, 0.6])
    called = "" if index is None else rule.name
    name = left.text_input("Name", called, max_chars=64, key=f"{key}.name", placeholder="somebody at the door")
    kinds = right.multiselect(
        "What",
        list(dict.fromkeys([*labels, *rule.labels])),
        rule.labels,
        key=f"{key}.labels",
        placeholder="Anything",
        accept_new_options=True,
        help="Classes of the model. Several mean any of them.",
    )
    if doubt := in_vain(kinds, labels):
        st.warning(doubt, icon=":material/spellcheck:")
    where = _where(draft, rule, key)
    numbers = _numbers(rule, key)
    schedule = _schedule(draft, rule, key)
    with st.container(horizontal=True, vertical_alignment="center"):
        keep = st.button("Apply", key=f"{key}.apply", type="primary")
        gone = index is not None and st.button("Delete", key=f"{key}.delete", icon=":material/delete:")
        st.caption("Counts once the camera's changes are saved.")
    made = {"name": name, "labels": kinds, **where, **numbers, "schedule": schedule}
    if keep or gone:
        _apply(draft, index, made if keep else None)


def _where(draft: Draft, rule: RuleSettings, key: str) -> dict[str, Any]:
    zones = [zone.name for zone in draft.settings.zones]
    lines = [line.name for line in draft.settings.lines]
    if not zones and not lines:
        st.caption("Draw a zone or a line first to bind the rule to a place: until then it holds everywhere.")
        return {"zones": [], "lines": [], "must_loiter": False}
    columns = st.columns([0.36, 0.36, 0.28], vertical_alignment="bottom")
    chosen_zones = columns[0].multiselect("In one of these zones", zones, rule.zones, key=f"{key}.zones")
    chosen_lines = columns[1].multiselect("Crossing one of these lines", lines, rule.lines, key=f"{key}.lines")
    loiters = columns[2].checkbox("Only who loiters there", rule.must_loiter, key=f"{key}.loiter", disabled=not zones)
    return {"zones": chosen_zones, "lines": chosen_lines, "must_loiter": loiters}


def _numbers(rule: RuleSettings, key: str) -> dict[str, Any]:
    columns = st.columns(4)
    score = columns[0].number_input("Sure to at least, %", 0, 100, round(rule.min_score * 100), key=f"{key}.score")
    size = columns[1].number_input(
        "Size at least, % of the picture",
        0.0,
        100.0,
        round(rule.min_size * 100, 2),
        step=0.1,
        format="%.2f",
        key=f"{key}.size",
    )
    longest = 86_400.0
    duration = columns[2].number_input("Seen for, s", 0.0, longest, rule.min_duration_s, step=0.5, key=f"{key}.seen")
    quiet = columns[3].number_input(
        "Then quiet for, s",
        0.0,
        longest,
        rule.cool_down_s,
        step=1.0,
        key=f"{key}.quiet",
        help="So long the next object of the same class makes no event.",
    )
    still = st.checkbox("Not what stands still", rule.ignores_stationary, key=f"{key}.still")
    return {
        "min_score": score / 100,
        "min_size": size / 100,
        "min_duration_s": duration,
        "cool_down_s": quiet,
        "ignores_stationary": still,
    }


def _schedule(draft: Draft, rule: RuleSettings, key: str) -> list[dict[str, Any]]:
    count = int(st.session_state.get(_HOURS, 0))
    with st.container(horizontal=True, vertical_alignment="center"):
        zone = draft.settings.time_zone
        st.markdown("**Always**" if not count else f"**Only at these hours** :gray[({zone})]", width="content")
        st.button(
            "Only at certain hours" if not count else "More hours",
            key=f"{key}.more",
            type="tertiary",
            icon=":material/add:",
            on_click=_count(count + 1),
            disabled=count >= _MOST_HOURS,
        )
        if count:
            st.button(
                "Fewer", key=f"{key}.fewer", type="tertiary", icon=":material/remove:", on_click=_count(count - 1)
            )
    return [_hours(rule, at, f"{key}.hours.{at}") for at in range(count)]


def _hours(rule: RuleSettings, at: int, key: str) -> dict[str, Any]:
    known = rule.schedule[at] if at < len(rule.schedule) else None
    columns = st.columns([0.6, 0.2, 0.2], vertical_alignment="bottom")
    days = columns[0].pills(
        "Days",
        range(7),
        default=known.days if known else range(7),
        selection_mode="multi",
        format_func=DAYS.__getitem__,
        key=f"{key}.days",
    )
    begin = columns[1].time_input("From", known.begin if known else time(22), key=f"{key}.begin", step=900)
    end = columns[2].time_input("Until", known.end if known else time(6), key=f"{key}.end", step=900)
    return {"days": sorted(days), "begin": begin.isoformat(), "end": end.isoformat()}


def _apply(draft: Draft, index: int | None, made: dict[str, Any] | None) -> None:
    rules = draft.rules()
    if index is None:
        rules.append(made or {})
    else:
        rules[index : index + 1] = [made] if made else []
    try:
        draft.set_rules(rules)
    except RegistryError as error:
        error_box(error)
    else:
        st.rerun()


def _count(number: int) -> Callable[[], None]:
    def go() -> None:
        st.session_state[_HOURS] = number

    return go
