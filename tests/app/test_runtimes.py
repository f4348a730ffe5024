"""What the Models page says this machine can run models with."""

import pytest

from app.ui.text import plain
from registry.records import Role
from registry.runtime.backends import survey
from registry.runtime.host_choice import Backend
from tests.app.conftest import Pages


def _page() -> None:  # a script of its own: what it uses it imports
    from app.pages import models

    models.draw()


@pytest.mark.parametrize("role", [Role.ENGINEER, Role.OPERATOR, Role.USER])
def test_who_publishes_models_is_told_what_this_machine_runs_them_with(pages: Pages, role: Role) -> None:
    drawn = pages.draw(_page, pages.person(role))
    assert not drawn.exception
    opened = [each for each in drawn.expander if each.label.startswith("This machine runs models by")]
    if role is not Role.ENGINEER:
        assert not opened
        return
    [shown] = opened
    standings = survey()
    usable = sum(each.usable for each in standings)
    assert shown.label == f"This machine runs models by {usable} backend{'s' if usable != 1 else ''}"
    assert len(shown.columns) == len(standings) == len(Backend)
    for column, standing in zip(shown.columns, standings, strict=True):
        said = " ".join(each.value for each in (*column.markdown, *column.caption))
        assert ("Usable" in said, "Not here" in said) == (standing.usable, not standing.usable)
        assert plain(standing.detail[:1].upper() + standing.detail[1:]) in said
        assert plain(standing.hint) in said
        assert standing.usable or standing.hint
