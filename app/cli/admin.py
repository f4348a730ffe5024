"""`nexusai admin …` and `nexusai db …`."""

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import ask
from app.cli.say import line
from registry.settings import load_settings

if TYPE_CHECKING:
    from registry.records import Database

group = typer.Typer(help="Accounts, from the machine itself.", no_args_is_help=True)
database = typer.Typer(help="The records database.", no_args_is_help=True)


@group.command("create")
def create(
    username: Annotated[str, typer.Option(help="name of the new user")],
    role: Annotated[str, typer.Option(help="admin, engineer, operator or user")] = "admin",
    password_stdin: ask.PasswordStdin = False,
) -> None:
    """Make a user, an administrator unless --role says otherwise."""
    from app.platform import Platform
    from registry.access.actor import local_actor

    password, chosen = ask.password(from_stdin=password_stdin), ask.role(role)
    rooms = Platform.open(load_settings())
    rooms.database.upgrade()
    user = rooms.accounts.create(local_actor(), username, password, chosen)
    line(f"{user.username} can sign in now, with the role {user.role}.")


@group.command("reset-password")
def reset_password(username: ask.Username, password_stdin: ask.PasswordStdin = False) -> None:
    """Give a user another password; it ends every sign-in of theirs."""
    from app.platform import Platform
    from registry.access.actor import local_actor

    rooms = Platform.open(load_settings())
    user = rooms.people.named(local_actor(), username)
    rooms.accounts.reset_password(local_actor(), user.id, ask.password(from_stdin=password_stdin))
    line(f"{user.username} has another password now, and is signed out everywhere.")


@group.command("setup-token")
def setup_token() -> None:
    """Print the one-time token that makes the first administrator."""
    from app.platform import Platform

    rooms = Platform.open(load_settings())
    rooms.database.upgrade()
    token = rooms.accounts.setup_token()
    line(token or "There is an administrator already.")


@database.command("upgrade")
def upgrade() -> None:
    """Migrate the database to the newest revision."""
    _open().upgrade()
    line("The database is at the newest revision.")


@database.command("check")
def check() -> None:
    """Tell whether the database is at the newest revision (exit status 1 if not)."""
    current = _open().check()
    line("The database is at the newest revision." if current else "The database wants `nexusai db upgrade`.")
    raise typer.Exit(0 if current else 1)


def _open() -> "Database":
    from registry.records import open_database

    settings = load_settings()
    settings.prepare_home()
    return open_database(settings.records_url)
