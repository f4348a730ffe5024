"""`nexusai notifications …`."""

import json as json_texts
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.say import as_json, line, table
from registry.errors import InvalidInput, NotificationNotFound
from registry.settings import load_settings

if TYPE_CHECKING:
    from registry.access import Actor
    from registry.notify.receivers import Receivers

group = typer.Typer(help="Who is told of what the cameras see.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="the receiver's name or id")]


@group.command("list")
def list_receivers(json: Annotated[bool, typer.Option("--json", help="print JSON")] = False) -> None:
    """List the receivers."""
    receivers, actor = _open()
    found = receivers.list(actor)
    if json:
        as_json([asdict(each) for each in found])
    elif not found:
        line("Nobody is told. `nexusai notifications add NAME KIND ADDRESS` adds a receiver.")
    else:
        rows = (
            (
                each.name,
                each.kind,
                each.address,
                str(each.waiting),
                str(each.delivered),
                str(each.lost),
                each.last_error,
            )
            for each in found
        )
        table(("name", "kind", "address", "waiting", "delivered", "lost", "last error"), rows)


@group.command()
def add(
    name: Annotated[str, typer.Argument(help="what to call it")],
    kind: Annotated[str, typer.Argument(help="webhook, mqtt, email or apprise")],
    address: Annotated[str, typer.Argument(help="https://…, mqtt(s)://host, smtp(s)://host, or an Apprise URL")],
    username: Annotated[str | None, typer.Option(help="for brokers and mail servers")] = None,
    secret_stdin: Annotated[bool, typer.Option("--secret-stdin", help="read its password from standard input")] = False,
    options: Annotated[str, typer.Option(help='JSON, such as {"sender": "a@b.example", "to": ["c@d.example"]}')] = "{}",
    wanted: Annotated[str, typer.Option(help='JSON, such as {"labels": ["person"]}')] = "{}",
) -> None:
    """Add a receiver."""
    from registry.cameras.configuration import parsed
    from registry.notify.asked import ReceiverAsked

    receivers, actor = _open()
    given = {"name": name, "kind": kind, "address": address, "username": username}
    given |= {"secret": sys.stdin.readline().rstrip("\n") if secret_stdin else None}
    try:
        given |= {"options": json_texts.loads(options), "wanted": json_texts.loads(wanted)}
    except ValueError as error:
        raise InvalidInput("--options and --wanted are JSON objects") from error
    made = receivers.create(actor, parsed(ReceiverAsked, given, "receiver"))
    line(f"{made.name} is told from now on")
    if made.secret:
        line(f"Notifications are signed with {made.secret} (shown once)")


@group.command()
def test(name: Name) -> None:
    """Send a test now."""
    receivers, actor = _open()
    receivers.test(actor, _id(receivers, actor, name))
    line("delivered")


@group.command()
def remove(name: Name) -> None:
    """Delete a receiver with what waits for it."""
    receivers, actor = _open()
    receivers.delete(actor, _id(receivers, actor, name))
    line("deleted")


def _open() -> "tuple[Receivers, Actor]":
    from app.platform import Platform
    from registry.access.actor import local_actor

    rooms = Platform.open(load_settings())
    rooms.database.upgrade()
    return rooms.receivers, local_actor()


def _id(receivers: "Receivers", actor: "Actor", name: str) -> str:
    found = [each.id for each in receivers.list(actor) if name in {each.id, each.name}]
    if not found:
        raise NotificationNotFound(f"there is no receiver {name[:80]!r}")
    return found[0]
