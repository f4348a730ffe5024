"""`nexusai`: the commands, wired. Heavy imports wait until a command needs them."""

import sys

import typer

from app.cli import (
    admin,
    audit,
    cameras,
    care,
    datasets,
    jobs,
    keys,
    models,
    notifications,
    platform,
    recordings,
    schedules,
    settings,
    show,
    train,
    tune,
    users,
)
from app.cli.say import refuse
from registry.errors import RegistryError
from registry.libraries import prepare_libraries

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
cli.command("prefect")(platform.prefect)
cli.command("runner")(platform.runner)
cli.command("job-worker")(platform.job_worker)
cli.command("worker")(platform.worker)
cli.command("notebook")(platform.notebook)
cli.command("predict")(models.predict)
cli.command("doctor")(show.doctor)
cli.command("backup")(care.backup)
cli.command("restore")(care.restore)
cli.command("clean")(care.clean)
models.group.command("tune")(tune.tune)
models.group.command("optimise")(tune.optimise)
cli.add_typer(settings.group, name="settings")
cli.add_typer(models.group, name="models")
jobs.submit.command("train")(train.submit_train)
cli.add_typer(jobs.group, name="jobs")
cli.add_typer(schedules.group, name="schedules")
cli.add_typer(cameras.group, name="cameras")
cli.add_typer(recordings.group, name="recordings")
cli.add_typer(notifications.group, name="notifications")
cli.add_typer(datasets.group, name="datasets")
cli.add_typer(admin.group, name="admin")
cli.add_typer(audit.group, name="audit")
cli.add_typer(users.group, name="users")
cli.add_typer(keys.group, name="keys")
cli.add_typer(admin.database, name="db")


def main() -> None:
    """Run a command; a refusal is printed with what to do, and ends with its exit status."""
    prepare_libraries()
    try:
        cli()
    except RegistryError as error:
        sys.exit(refuse(error))


if __name__ == "__main__":
    main()
