"""What the command line asks for: passwords that are not shown, and roles that there are."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from registry.errors import InvalidInput

if TYPE_CHECKING:
    from registry.records import Role

PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="read the password from standard input")]
Username = Annotated[str, typer.Option(help="the user's name, in any case")]


def password(*, from_stdin: bool) -> str:
    """A new password, typed twice, or a line of standard input. Raises InvalidInput for none."""
    if from_stdin:
        given = sys.stdin.readline().rstrip("\r\n")
    elif not sys.stdin.isatty():
        raise InvalidInput("there is no terminal to ask for a password", hint="Give one with --password-stdin.")
    else:
        given = str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    if not given:
        raise InvalidInput("no password came on standard input")
    return given


def role(name: str) -> "Role":
    """The role of that name. Raises InvalidInput."""
    from registry.records import Role

    if name not in set(Role):
        raise InvalidInput(f"{name!r} is not a role", hint=f"One of: {', '.join(Role)}.")
    return Role(name)
