"""`nexusai`: the commands, wired. Heavy imports wait until a command needs them."""

import sys

import typer

from app.cli import admin, models, platform, show
from app.cli.say import refuse
from registry.errors import RegistryError
from registry.settings import guard_opencv

cli = typer.Typer(
    name="nexusai",
    help="Notebook-first vision MLOps: publish models, serve them in an app, over HTTP and from Python.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
cli.command("up")(platform.up)
cli.command("app")(platform.app)
cli.command("mlflow")(platform.mlflow)
cli.command("notebook")(platform.notebook)
cli.command("predict")(models.predict)
cli.command("settings")(show.settings)
cli.command("doctor")(show.doctor)
cli.add_typer(models.group, name="models")
cli.add_typer(admin.group, name="admin")
cli.add_typer(admin.database, name="db")


def main() -> None:
    """Run a command; a refusal is printed with what to do, and ends with its exit status."""
    guard_opencv()
    try:
        cli()
    except RegistryError as error:
        sys.exit(refuse(error))


if __name__ == "__main__":
    main()
