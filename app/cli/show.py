"""`nexusai settings` and `nexusai doctor`."""

from typing import Annotated, Any

import typer

from app.cli.say import as_json, line, table
from registry.settings import PREFIX, Settings, load_settings

AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]


def settings(
    json: AsJson = False, markdown: Annotated[bool, typer.Option("--markdown", help="print docs/settings.md")] = False
) -> None:
    """Show every setting: value, where it comes from, what it means."""
    if markdown:
        line(settings_page())
        return
    current = load_settings()
    sources = current.sources()
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "value": str(getattr(current, name)) if name != "database_url" else _without_password(current.records_url),
            "source": sources[name],
            "variable": f"{PREFIX}{name.upper()}",
            "description": field.description,
        }
        for name, field in Settings.model_fields.items()
    ]
    if json:
        as_json(rows)
    else:
        table(
            ("setting", "value", "from", "description"),
            ([r["name"], r["value"], r["source"], r["description"]] for r in rows),
        )


def settings_page() -> str:
    """docs/settings.md, made from the fields."""
    lines = [
        "# Settings",
        "",
        "Order, later wins: the default, `settings.yaml` in the home, `.env`, the environment, the command line.",
        "`nexusai settings` shows what is in force and where it comes from. This page is made by `make docs`.",
        "",
        "| variable | default | bounds | meaning |",
        "|---|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        bounds = ", ".join(_bounds(field.metadata)) or "–"
        default = "`mlflow.yaml`" if name == "mlflow_file" else f"`{_default(field.default)}`"
        lines.append(f"| `{PREFIX}{name.upper()}` | {default} | {bounds} | {field.description} |")
    return "\n".join(lines)


def doctor(json: AsJson = False) -> None:
    """Tell what this machine can run, what is missing and how to get it."""
    from app.cli.examine import examine

    found = examine(load_settings())
    if json:
        as_json([{"what": each.what, "state": each.state, "detail": each.detail, "hint": each.hint} for each in found])
        return
    table(("", "what", "detail", "how to get it"), ((each.state, each.what, each.detail, each.hint) for each in found))


def _bounds(metadata: list[Any]) -> list[str]:
    names = (("ge", "≥ "), ("gt", "> "), ("le", "≤ "), ("lt", "< "))
    return [
        f"{sign}{getattr(each, key):,}"
        for each in metadata
        for key, sign in names
        if getattr(each, key, None) is not None
    ]


def _default(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _without_password(url: str) -> str:
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string(hide_password=True)
