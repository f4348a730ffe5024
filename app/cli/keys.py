"""`nexusai keys …`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import ask
from app.cli.say import as_json, line, moment, table
from registry.settings import load_settings

if TYPE_CHECKING:
    from app.platform import Platform
    from registry.access import Actor
    from registry.records import ApiKey, User

group = typer.Typer(help="The API keys of a user.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
_FIELDS = ("id", "name", "prefix", "scopes", "created_at", "expires_at", "last_used_at")


@group.command("list")
def list_keys(username: ask.Username, json: AsJson = False) -> None:
    """List a user's keys, newest first."""
    rooms, actor, user = _open(username)
    found = rooms.keys.of(actor, user.id)
    if json:
        as_json([_row(key) for key in found])
    elif not found:
        line(f"{user.username} has no keys.")
    else:
        rows = (
            (
                k.id,
                k.name,
                f"nxk_{k.prefix}…",
                ", ".join(k.scopes),
                moment(k.expires_at, "no end"),
                moment(k.last_used_at),
            )
            for k in found
        )
        table(("id", "name", "key", "scopes", "until", "last use"), rows)


@group.command("make")
def make(
    username: ask.Username,
    name: Annotated[str, typer.Option(help="what will use the key")],
    scope: Annotated[list[str], typer.Option(help="read, predict, cameras, models or admin; may be repeated")],
    days: Annotated[int | None, typer.Option(help="days it is valid; left out: until it is revoked")] = None,
    json: AsJson = False,
) -> None:
    """Make a key for a user and print it, this once."""
    rooms, actor, user = _open(username)
    made = rooms.keys.make(actor, name, scope, days, owner_id=user.id)
    if json:
        as_json(_row(made.record) | {"key": made.secret})
    else:
        line(made.secret)


@group.command("revoke")
def revoke(
    username: ask.Username, key_id: Annotated[str, typer.Option("--id", help="the key's id, as `keys list` tells it")]
) -> None:
    """End one of a user's keys."""
    rooms, actor, user = _open(username)
    rooms.keys.revoke(actor, key_id, owner_id=user.id)
    line("The key is revoked.")


def _open(username: str) -> "tuple[Platform, Actor, User]":
    from app.platform import Platform
    from registry.access.actor import local_actor

    rooms, actor = Platform.open(load_settings()), local_actor()
    rooms.database.upgrade()
    return rooms, actor, rooms.people.named(actor, username)


def _row(key: "ApiKey") -> dict[str, Any]:
    return {name: getattr(key, name) for name in _FIELDS}
