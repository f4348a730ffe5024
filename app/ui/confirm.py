"""A button that asks back before something is lost."""

from typing import Literal

import streamlit as st

from app.ui.text import plain


def confirmed(key: str, label: str, question: str, *, icon: str, really: str, quiet: bool = False) -> bool:
    """Draw the button, as a mere line of text if `quiet`; True in the run in which the answer was `really`."""
    answer = f"{key}.answer"

    def say(word: str) -> None:
        st.session_state[answer] = word

    said = st.session_state.get(answer)
    if said != "asked":
        st.session_state[answer] = None
        look: Literal["tertiary", "secondary"] = "tertiary" if quiet else "secondary"
        st.button(label, key=key, type=look, icon=f":material/{icon}:", on_click=say, args=("asked",))
        return said == "sure"
    st.warning(plain(question), icon=":material/help:")
    with st.container(horizontal=True):
        st.button(really, key=f"{key}.really", type="primary", on_click=say, args=("sure",))
        st.button("Cancel", key=f"{key}.cancel", on_click=say, args=("no",))
    return False
