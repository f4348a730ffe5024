"""The dashboard says of a part that does not answer whether it is still on its way."""

import pytest
import streamlit as st

from app import readiness
from registry.records import Role
from tests.app.conftest import Pages
from tests.app.test_pages import entry


@pytest.mark.parametrize(
    ("age_s", "word", "other"), [(0.0, "Starting", "Unavailable"), (900.0, "Unavailable", "Starting")]
)
def test_a_part_that_does_not_answer(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, age_s: float, word: str, other: str
) -> None:
    monkeypatch.setattr(readiness, "_BEGAN", readiness.time.monotonic() - age_s)
    st.cache_data.clear()
    drawn = pages.draw(entry, pages.person(Role.ADMIN))  # no camera worker runs beside these rooms
    assert not drawn.exception
    told = " ".join(each.value for each in drawn.markdown)
    assert word in told
    assert "Healthy" in told
    assert other not in told
