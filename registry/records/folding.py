"""Texts compared without regard to upper and lower case, beyond ASCII, on every database."""

from typing import Any

from sqlalchemy import ColumnElement, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

SQLITE_NAME = "nexusai_lower"  # SQLite's own `lower` knows ASCII only


class _Lower(FunctionElement[str]):
    type = String()
    inherit_cache = True


@compiles(_Lower)
def _standard(element: _Lower, compiler: SQLCompiler, **kw: Any) -> str:
    return f"lower({compiler.process(element.clauses, **kw)})"


@compiles(_Lower, "sqlite")
def _sqlite(element: _Lower, compiler: SQLCompiler, **kw: Any) -> str:
    return f"{SQLITE_NAME}({compiler.process(element.clauses, **kw)})"


def lower(text: str | None) -> str | None:
    """What SQLite calls for each row."""
    return None if text is None else text.lower()


def has_text(column: Any, text: str) -> ColumnElement[bool]:
    """Whether a column contains a text, upper and lower case alike; looks at every row."""
    return _Lower(column).contains(text.lower(), autoescape=True)
