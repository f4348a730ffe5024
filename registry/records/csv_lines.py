"""Rows as CSV that no spreadsheet takes for formulas."""

import csv
import io
import unicodedata
from collections.abc import Iterable

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # also in full width, as some locales take them


def csv_lines(rows: Iterable[Iterable[object]]) -> str:
    """The rows as lines of CSV. Numbers are as they are; a text that could be a formula begins with an apostrophe."""
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([_harmless(cell) for cell in row] for row in rows)
    return out.getvalue()


def _harmless(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    read_as = unicodedata.normalize("NFKC", cell)
    return f"'{cell}" if read_as.startswith(_FORMULA) or read_as.lstrip().startswith(_FORMULA) else cell
