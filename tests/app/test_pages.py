"""The list of pages: what is registered is what the gate lets a browser ask for, and each role is shown its own."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import gate_rules
from registry.records import Role
from tests.app.conftest import Pages

MAIN = Path(gate_rules.__file__).with_name("main.py")
STAFF_ONLY = {"cameras", "events", "recordings", "settings"}
BUILDERS_ONLY = {"notifications"}
ADMINS_ONLY = {"users", "audit"}


def entry() -> None:  # a script of its own: what it uses it imports
    import importlib

    import app.main

    importlib.reload(app.main)


def opened(pages: Pages, role: Role) -> AppTest:
    drawn = pages.draw(entry, pages.person(role))
    assert not drawn.exception
    return drawn


def test_the_gate_knows_every_page(pages: Pages) -> None:
    registered = set(opened(pages, Role.ADMIN).session_state["pages"])
    assert registered == {"dashboard", *gate_rules.PAGES}


HIDDEN = {
    Role.ADMIN: set(),
    Role.ENGINEER: ADMINS_ONLY,
    Role.OPERATOR: ADMINS_ONLY | BUILDERS_ONLY,
    Role.USER: ADMINS_ONLY | BUILDERS_ONLY | STAFF_ONLY,
}


@pytest.mark.parametrize("role", list(Role))
def test_a_role_is_shown_the_pages_it_may_open(pages: Pages, role: Role) -> None:
    found = opened(pages, role).session_state["pages"]
    assert {name for name, page in found.items() if page._visibility == "hidden"} == HIDDEN[role]
