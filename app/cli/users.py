"""`nexusai users …`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import ask
from app.cli.say import as_json, line, moment, table
from registry.settings import load_settings

if TYPE_CHECKING:
    from app.platform import Platform
    from registry.access import Actor
    from registry.records import User

group = typer.Typer(help="The people of the platform.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
_FIELDS = (
    "id",
    "username",
    "email",
    "full_name",
    "role",
    "premium",
    "active",
    "approved",
    "created_at",
    "last_login_at",
)


@group.command("list")
def list_users(
    search: Annotated[str, typer.Option(help="part of a name or address")] = "",
    role: Annotated[str, typer.Option(help="admin, engineer, operator or user")] = "",
    json: AsJson = False,
) -> None:
    """List the users by name."""
    rooms, actor = _open()
    chosen = ask.role(role) if role else None
    found, _ = rooms.people.page(actor, search=search, role=chosen, size=100_000)
    if json:
        as_json([_row(user) for user in found])
    else:
        rows = ((u.username, _role(u), _state(u), u.email, moment(u.last_login_at)) for u in found)
        table(("name", "role", "state", "email", "last sign-in"), rows)


@group.command("create")
def create(
    username: Annotated[str, typer.Option(help="name of the new user")],
    role: Annotated[str, typer.Option(help="admin, engineer, operator or user")] = "user",
    email: Annotated[str, typer.Option(help="address of the new user")] = "",
    full_name: Annotated[str, typer.Option(help="full name of the new user")] = "",
    premium: Annotated[bool, typer.Option(help="may use models of the access level premium")] = False,
    password_stdin: ask.PasswordStdin = False,
    json: AsJson = False,
) -> None:
    """Make a user."""
    rooms, actor = _open()
    password, chosen = ask.password(from_stdin=password_stdin), ask.role(role)
    further = {"email": email, "full_name": full_name}
    user = rooms.accounts.create(actor, username, password, chosen, **further, premium=premium)
    _say(user, f"{user.username} can sign in now, with the role {user.role}.", json=json)


@group.command("role")
def set_role(
    username: ask.Username, role: Annotated[str, typer.Option(help="the new role")], json: AsJson = False
) -> None:
    """Give a user another role; they sign in anew."""
    rooms, actor = _open()
    user = rooms.people.set_role(actor, rooms.people.named(actor, username).id, ask.role(role))
    _say(user, f"{user.username} has the role {user.role} now.", json=json)


@group.command("activate")
def activate(username: ask.Username, json: AsJson = False) -> None:
    """Switch an account on, or approve a registration."""
    rooms, actor = _open()
    user = rooms.people.set_active(actor, rooms.people.named(actor, username).id, active=True)
    _say(user, f"{user.username} can sign in now.", json=json)


@group.command("deactivate")
def deactivate(username: ask.Username, json: AsJson = False) -> None:
    """Switch an account off; it is signed out everywhere."""
    rooms, actor = _open()
    user = rooms.people.set_active(actor, rooms.people.named(actor, username).id, active=False)
    _say(user, f"{user.username} cannot sign in any more.", json=json)


@group.command("delete")
def delete(username: ask.Username) -> None:
    """Remove a user with sessions, tokens and keys; the audit trail stays."""
    rooms, actor = _open()
    user = rooms.people.named(actor, username)
    rooms.people.delete(actor, user.id)
    line(f"{user.username} is gone.")


def _open() -> "tuple[Platform, Actor]":
    from app.platform import Platform
    from registry.access.actor import local_actor

    rooms = Platform.open(load_settings())
    rooms.database.upgrade()
    return rooms, local_actor()


def _say(user: "User", text: str, *, json: bool) -> None:
    if json:
        as_json(_row(user))
    else:
        line(text)


def _row(user: "User") -> dict[str, Any]:
    return {name: getattr(user, name) for name in _FIELDS}


def _role(user: "User") -> str:
    return f"{user.role}, premium" if user.premium else str(user.role)


def _state(user: "User") -> str:
    if user.active:
        return "active"
    return "switched off" if user.approved else "waiting for approval"
