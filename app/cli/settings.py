"""`nexusai settings …`: what is in force and where it comes from, and changing what the app can change."""

from collections.abc import Sequence
from json import dumps, loads
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.say import as_json, line, table
from registry.errors import DatabaseUnavailable, InvalidSetting
from registry.settings import PREFIX, Settings, load_settings

if TYPE_CHECKING:
    from registry.access.live import Entry, SettingsEditor

group = typer.Typer(help="Show every setting; change the live ones.")
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
Key = Annotated[str, typer.Argument(help="the setting's key, e.g. limit_user")]


@group.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="print docs/settings.md")] = False,
) -> None:
    """Show every setting: value, where it comes from, what it means."""
    if context.invoked_subcommand is not None:
        return
    if markdown:
        from app.cli.settings_page import settings_page

        line(settings_page())
        return
    rows = _rows(load_settings())
    if json:
        as_json(rows)
    else:
        columns = ("setting", "value", "from", "description")
        table(columns, ([r["name"], r["value"], r["source"], r["description"]] for r in rows))


@group.command("get")
def get(key: Key, json: AsJson = False) -> None:
    """Show one live setting."""
    from registry.access.actor import local_actor

    _say(_editor().get(local_actor(), key), json=json)


@group.command("set")
def set_value(
    key: Key, value: Annotated[str, typer.Argument(help="JSON, or text where the setting is one")], json: AsJson = False
) -> None:
    """Change one live setting; running processes follow within two seconds."""
    from registry.access.actor import local_actor
    from registry.access.live.checking import from_text

    _say(_editor().set(local_actor(), key, from_text(key, value)), json=json)


@group.command("reset")
def reset(key: Key, json: AsJson = False) -> None:
    """Put one live setting back to its default."""
    from registry.access.actor import local_actor

    _say(_editor().reset(local_actor(), key), json=json)


@group.command("update")
def update(
    file: Annotated[typer.FileText, typer.Argument(help="JSON: an object of keys and values; - reads standard input")],
    json: AsJson = False,
) -> None:
    """Change several live settings, or none of them where one value is refused."""
    from registry.access.actor import local_actor
    from registry.access.live import Change

    changes = {key: Change(value) for key, value in _object(file.read()).items()}
    found = _editor().bulk(local_actor(), changes)
    if json:
        as_json([entry.to_dict() for entry in found])
    else:
        for entry in found:
            _say(entry, json=False)


@group.command("create")
def create(
    key: Key,
    value: Annotated[str, typer.Argument(help="JSON, or text")],
    title: Annotated[str, typer.Option(help="its name for people")] = "",
    description: Annotated[str, typer.Option(help="what it is for")] = "",
    json: AsJson = False,
) -> None:
    """Make a custom setting."""
    from registry.access.actor import local_actor
    from registry.access.live.checking import from_text

    _say(_editor().create(local_actor(), key, from_text(key, value), title, description), json=json)


@group.command("delete")
def delete(key: Key) -> None:
    """Remove a custom setting."""
    from registry.access.actor import local_actor

    _editor().delete(local_actor(), key)
    line(f"{key} is deleted.")


def _object(text: str) -> dict[str, Any]:
    try:
        given = loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidSetting(f"the settings to change are no JSON: {error}") from error
    if not isinstance(given, dict) or not given:
        raise InvalidSetting("the settings to change are a JSON object of keys and values", hint='{"limit_user": 600}')
    return given


def _say(entry: "Entry", *, json: bool) -> None:
    if json:
        as_json(entry.to_dict())
    else:
        line(f"{entry.key} is {_text(entry.value)} ({entry.source}).")


def _editor() -> "SettingsEditor":
    from registry.access.live import Live, SettingsEditor
    from registry.records import open_database

    current = load_settings()
    current.prepare_home()
    database = open_database(current.records_url)
    database.upgrade()
    return SettingsEditor(database, Live(database, current))


def _rows(current: Settings) -> list[dict[str, Any]]:
    """One row a setting; where the app has changed a value that stands here too, the row tells the one in force."""
    sources = current.sources()
    rows: dict[str, dict[str, Any]] = {
        name: {
            "name": name,
            "value": str(getattr(current, name)) if name != "database_url" else _without_password(current.records_url),
            "source": sources[name],
            "variable": f"{PREFIX}{name.upper()}",
            "description": field.description,
        }
        for name, field in Settings.model_fields.items()
    }
    for entry in _live_entries(current):
        known = rows.get(entry.key, {"name": entry.key, "variable": ""})
        about = (
            {"source": "default", "description": entry.definition.description} | known | {"value": _text(entry.value)}
        )
        rows[entry.key] = about | ({"source": "changed"} if entry.source == "changed" else {})
    return list(rows.values())


def _live_entries(current: Settings) -> "Sequence[Entry]":
    from registry.access.actor import local_actor
    from registry.access.live import Live, SettingsEditor
    from registry.access.live.entry import entries
    from registry.records import open_database

    database = open_database(current.records_url)
    live = Live(database, current)
    try:
        return SettingsEditor(database, live).list(local_actor())
    except DatabaseUnavailable as error:
        line(f"Without what the app may have changed: {error.message}", to_error=True)
        return entries(live.defaults, ())
    finally:
        database.close()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value, ensure_ascii=False)


def _without_password(url: str) -> str:
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string(hide_password=True)
