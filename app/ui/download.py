"""One button that gives a file, made when it is pressed."""

from collections.abc import Callable

import streamlit as st


def download(label: str, make: Callable[[], str | bytes], file_name: str, mime: str, key: str) -> None:
    """Draw the button. Nothing is kept in memory before somebody wants it, and no run of the page takes it away."""
    st.download_button(
        label, make, file_name=file_name, mime=mime, icon=":material/download:", key=key, on_click="ignore"
    )
