"""What the command line prints: refusals, tables, JSON."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from app.supervisor import REFUSED
from registry.errors import RegistryError, StartError

TIMES = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"]  # as options and arguments take them, in UTC
_NEVER_FOLDED = 10_000  # columns


def refuse(error: RegistryError) -> int:
    """Print a refusal to standard error, as JSON where no person reads it; returns the exit status."""
    if sys.stderr.isatty():
        line(f"nexusai: {error.message}", to_error=True)
        if error.hint:
            line(f"  {error.hint}", to_error=True)
    else:
        line(json.dumps(error.to_dict()), to_error=True)
    return REFUSED if isinstance(error, StartError) else 1


def logs_aside() -> None:
    """Send what the library logs to standard error: standard output is the answer."""
    import structlog

    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


def line(text: str, *, to_error: bool = False) -> None:
    """Print one line at once, whatever the terminal's encoding can show."""
    stream = sys.stderr if to_error else sys.stdout
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    stream.flush()


def as_json(value: Any) -> None:
    """Print a value for a script."""
    line(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under their columns."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for index, name in enumerate(columns):
        drawn.add_column(name, overflow="fold", no_wrap=index == 0)  # the first is what other commands are given
    for row in rows:
        drawn.add_row(*(Text(_visible(str(cell))) for cell in row))
    console = Console(soft_wrap=False)
    if not console.is_terminal:  # what a script reads is not folded
        console.width = _NEVER_FOLDED
    console.print(drawn)


def moment(at: "datetime | None", otherwise: str = "never") -> str:
    """A time of the records to the minute, in UTC."""
    return f"{at:%Y-%m-%d %H:%M}" if at else otherwise


def _visible(text: str) -> str:
    """Text that does nothing to a terminal: no escape sequences, nothing that turns the line around."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text)
