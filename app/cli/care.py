"""`nexusai backup`, `nexusai restore`, `nexusai clean`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.say import as_json, line, table
from registry.settings import load_settings
from registry.sizes import bytes_text

if TYPE_CHECKING:
    from registry.jobs.backups import Backups

AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]


def backup(
    keep: Annotated[int, typer.Option(min=1, max=365, help="so many are kept, the oldest go first")] = 7,
    listed: Annotated[bool, typer.Option("--list", help="only list the backups")] = False,
    json: AsJson = False,
) -> None:
    """Copy the records and MLflow's database into the storage, while the platform runs or not."""
    from registry.access import Action, require
    from registry.access.actor import local_actor
    from registry.access.trail import trace_alone

    require(local_actor(), Action.CARE_FOR_PLATFORM)
    backups = _backups()
    if listed:
        _list(backups, json=json)
        return
    made = backups.make(keep, lambda text: None if json else line(f"  {text}", to_error=True))
    told = {"bytes": made.size_bytes}
    trace_alone(backups.database, local_actor(), "platform.backup", f"backup:{made.name}", told, "ok")
    if json:
        as_json(made.model_dump(mode="json"))
        return
    line(f"Backup {made.name}: {', '.join(each.what for each in made.files)}, {bytes_text(made.size_bytes)}.")
    for what, why in made.left_out.items():
        line(f"  without {what}: {why}")
    line("Secrets, models and results are not part of it: docs/jobs.md says what else to keep.")


def restore(
    name: Annotated[str, typer.Argument(help="the backup; the newest where none is named")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    json: AsJson = False,
) -> None:
    """Put a backup in the place of the databases; the platform must not run."""
    from registry.access.actor import local_actor
    from registry.jobs import restoring

    backups = _backups()
    if not yes:
        typer.confirm(f"Replace the databases of {backups.settings.home} by {name or 'the newest backup'}?", abort=True)
    made, before = restoring.restore(backups, local_actor(), name)
    if json:
        as_json({"restored": made.name, "before": [str(path) for path in before]})
        return
    line(f"Restored {made.name}, made {made.at:%F %R} UTC.")
    for path in before:
        line(f"  as it was: {path}")
    line("Schedules of clean-ups are paused: files of jobs that ended since the backup are in no record any more.")
    line("Count with `nexusai clean` what would go before you resume them.")


def clean(
    really: Annotated[bool, typer.Option("--really", help="remove it, instead of only counting")] = False,
    job_days: Annotated[int, typer.Option(min=1, max=3_650, help="ended jobs go after so many days")] = 30,
    history_days: Annotated[int, typer.Option(min=1, max=3_650, help="answers of the Inference page too")] = 90,
    wait: Annotated[bool, typer.Option(help="watch the job until it has ended")] = False,
    json: AsJson = False,
) -> None:
    """Count what is old, as a job of the platform's runner; with --really remove it."""
    from app.cli.jobs import follow
    from app.platform import Platform
    from registry.access.actor import local_actor
    from registry.jobs.care_parameters import CleanParameters

    rooms, actor = Platform.open(load_settings()), local_actor()
    wanted = CleanParameters(dry_run=not really, job_days=job_days, history_days=history_days)
    follow(rooms, actor, rooms.caring.clean(actor, wanted), wait=wait, json=json)


def _backups() -> "Backups":
    from registry.jobs.backups import Backups
    from registry.records import open_database
    from registry.storage import open_storage

    settings = load_settings()
    settings.prepare_home()
    storage = open_storage(settings.storage_root, settings.storage_endpoint)
    return Backups(settings, open_database(settings.records_url), storage)


def _list(backups: "Backups", *, json: bool) -> None:
    found = backups.list()
    if json:
        as_json([each.model_dump(mode="json") for each in found])
        return
    rows: list[tuple[Any, ...]] = [
        (each.name, f"{each.at:%F %R}", each.revision, bytes_text(each.size_bytes)) for each in found
    ]
    table(("name", "made (UTC)", "revision", "size"), rows)
