"""`nexusai doctor`."""

from typing import Annotated

import typer

from app.cli.say import as_json, table
from registry.settings import load_settings

AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]


def doctor(json: AsJson = False) -> None:
    """Tell what this machine can run, what is missing and how to get it."""
    from app.cli.examine import examine

    found = examine(load_settings())
    if json:
        as_json([{"what": each.what, "state": each.state, "detail": each.detail, "hint": each.hint} for each in found])
        return
    table(("", "what", "detail", "how to get it"), ((each.state, each.what, each.detail, each.hint) for each in found))
