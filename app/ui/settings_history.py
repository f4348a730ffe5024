"""The latest changes of a category of settings, from the audit trail."""

import pandas as pd
import streamlit as st

from app.ui.session import platform
from app.ui.setting_field import value_text
from registry.access import Actor
from registry.access.live.catalogue import DEFINITIONS
from registry.records import AuditEntry

_DONE = {"change": "changed", "reset": "reset", "create": "added", "delete": "deleted"}


def draw(actor: Actor, category: str) -> None:
    """The table, folded; for those who may read the trail."""
    with st.expander("History", icon=":material/history:"):
        found = platform().editor.history(actor, category)
        if not found:
            st.markdown(":gray[Nothing was changed here yet.]")
            return
        columns = {"When": st.column_config.DatetimeColumn(format="distance", width="small")}
        st.dataframe(pd.DataFrame([_row(each) for each in found]), hide_index=True, column_config=columns)


def _row(entry: AuditEntry) -> dict[str, object]:
    key = entry.target.removeprefix("setting:")
    return {
        "When": entry.at,
        "Who": entry.actor_name,
        "Setting": DEFINITIONS[key].title if key in DEFINITIONS else key,
        "Was": _DONE[entry.action.removeprefix("setting.")],
        "From": _shown(entry.details.get("before")),
        "To": _shown(entry.details.get("after")),
    }


def _shown(value: object) -> str:
    return "–" if value is None else value_text(value)
