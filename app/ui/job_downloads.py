"""The files of a job, to be fetched with a click."""

from typing import Any

import streamlit as st

from app.ui.frame import card
from registry.sizes import bytes_text


def downloads(files: list[dict[str, Any]]) -> None:
    """A button for each file."""
    with card("job_files"):
        st.subheader("Downloads", anchor=False)
        for each in files:
            label = f"{each['name']}  ·  {bytes_text(each['size_bytes'])}"
            st.link_button(label, each["href"], icon=":material/download:", width="stretch")
