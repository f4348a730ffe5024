"""Facts by name, in two columns."""

from collections.abc import Mapping

import streamlit as st

from app.ui.text import plain


def facts(told: Mapping[str, str], *, longest: int = 400) -> None:
    """Each fact under its name; those that are empty are left out."""
    left, right = st.columns(2)
    for index, (name, value) in enumerate((name, value) for name, value in told.items() if value):
        (right if index % 2 else left).markdown(f":gray[{name}]  \n{plain(value, longest=longest)}")
