"""What a page shows instead of content: nothing yet, or an error."""

import streamlit as st

from app.ui.text import plain
from registry.errors import Forbidden, RegistryError, TooManyAttempts


def error_box(error: RegistryError) -> None:
    """What went wrong and what to do about it."""
    lines = [f"**{_refusal(error) or plain(_sentence(error.message))}**"]
    if error.hint:
        lines.append(_with_code(error.hint))
    icon = ":material/hourglass_top:" if isinstance(error, TooManyAttempts) else ":material/error:"
    show = st.warning if error.status in {429, 503} else st.error
    show("  \n".join(lines), icon=icon)


def _refusal(error: RegistryError) -> str:
    """What the permission table refused, without the names it has inside; empty for every other error."""
    if not isinstance(error, Forbidden) or "action" not in error.details:
        return ""
    return (
        "Only an owner or an administrator may do this."
        if "target" in error.details
        else ("This needs another role than yours.")
    )


def picture_error(name: str, error: RegistryError) -> None:
    """A picture of several that could not be used, by its name."""
    hint = f"  \n{_with_code(error.hint)}" if error.hint else ""
    st.error(f"**{plain(name, longest=80)}**: {plain(error.message)}{hint}", icon=":material/broken_image:")


def empty_state(icon: str, title: str, text: str) -> None:
    """Nothing is here yet: why, and what to do next. The caller adds a button below if there is one to press."""
    with st.container(key="empty_state", horizontal_alignment="center"):
        st.markdown(f"## :gray[:material/{icon}:]", text_alignment="center")
        st.markdown(f"**{plain(title)}**", text_alignment="center")
        st.markdown(f":gray[{plain(text)}]", text_alignment="center")


def _with_code(text: str) -> str:
    """Text whose `commands` are set as code."""
    parts = text.split("`")
    return " ".join(f"`{part}`" if index % 2 else plain(part) for index, part in enumerate(parts) if part.strip())


def _sentence(message: str) -> str:
    return message[:1].upper() + message[1:]
