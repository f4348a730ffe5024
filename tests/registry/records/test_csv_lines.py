"""No cell of a CSV file is a formula to whatever opens it."""

import pytest

from registry.records.csv_lines import csv_lines


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@a", "\t=1", " =1", "\uff1d1+1", "\u00a0\uff0b1", "\n=1"])
def test_a_text_that_could_be_a_formula_begins_with_an_apostrophe(cell: str) -> None:
    assert csv_lines([[cell]]).startswith("\"'")


@pytest.mark.parametrize("cell", ["ada", "a=1", "", 0, -1.5, None])
def test_every_other_cell_is_as_it_is(cell: object) -> None:
    assert csv_lines([[cell]]) == f'"{"" if cell is None else cell}"\r\n'
