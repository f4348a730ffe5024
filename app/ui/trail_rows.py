"""Entries of the audit trail as a list, each of which opens to all it tells."""

from collections.abc import Sequence

import streamlit as st

from app.ui import trail_words
from app.ui.text import ago, plain
from registry.records import AuditEntry

_ICONS = {"ok": "check_circle", "refused": "block", "failed": "error"}


def trail_rows(entries: Sequence[AuditEntry], page: str) -> None:
    """Draw the entries; `page` keeps them apart from another list's."""
    with st.container(key=f"trail_{page}", gap=None):
        for entry in entries:
            with st.expander(_headline(entry), icon=f":material/{_ICONS.get(entry.outcome, 'help')}:"):
                _all_of_it(entry)


def _headline(entry: AuditEntry) -> str:
    said = f"**{plain(entry.actor_name, longest=40)}** {plain(trail_words.action_words(entry.action, entry.outcome))}"
    target = plain(trail_words.target_words(entry), longest=60)
    outcome = "" if entry.outcome == "ok" else f" :red-badge[{plain(entry.outcome)}]"
    on = f" **{target}**" if target else ""
    origin = f"· {plain(entry.address)} " if entry.address else ""
    return f"{said}{on}{outcome} :gray[{origin}· {ago(entry.at)}]"


def _all_of_it(entry: AuditEntry) -> None:
    for field, before, after in trail_words.changes(entry):
        st.markdown(f":gray[{plain(field)}]  {plain(before)} → **{plain(after)}**")
    told = [f":gray[{plain(name)}]  {plain(value, longest=1_000)}" for name, value in trail_words.facts(entry)]
    if told:
        st.markdown("  \n".join(told))
    facts = {
        "When": f"{entry.at:%Y-%m-%d %H:%M:%S} UTC",
        "Who": f"{entry.actor_name}, {entry.actor_id}",
        "Action": entry.action,
        "Target": entry.target,
        "From": entry.address or "this machine",
        "Outcome": entry.outcome,
        "Entry": f"{entry.number}",
    }
    st.markdown("  \n".join(f":gray[{name}]  {plain(value)}" for name, value in facts.items() if value))
