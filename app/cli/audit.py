"""`nexusai audit …`."""

import sys
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from app.cli.say import as_json, line, table
from registry.settings import load_settings

if TYPE_CHECKING:
    from registry.access.auditing import Auditing
    from registry.records import AuditEntry
    from registry.records.audit_search import TrailFilter

group = typer.Typer(help="The audit trail: who did what.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
Person = Annotated[str, typer.Option(help="name or id of who did it")]
Action = Annotated[str, typer.Option(help="beginning of the action, such as user.")]
Target = Annotated[str, typer.Option(help="beginning of the target, such as model:")]
Outcome = Annotated[Literal["ok", "refused", "failed"] | None, typer.Option(help="how it ended")]
Since = Annotated[datetime | None, typer.Option(help="not before this local time")]
Until = Annotated[datetime | None, typer.Option(help="before this local time")]
Text = Annotated[str, typer.Option(help="part of any column")]

_FAULTS = {
    "edited": "entry {number} was edited",
    "missing": "entry {number} is missing",
    "head": "the mark of the newest entry was tampered with, at entry {number}",
}


@group.command("list")
def list_entries(  # noqa: PLR0913, PLR0917 - its options
    person: Person = "",
    action: Action = "",
    target: Target = "",
    outcome: Outcome = None,
    since: Since = None,
    until: Until = None,
    text: Text = "",
    page: Annotated[int, typer.Option(min=1, max=100_000)] = 1,
    size: Annotated[int, typer.Option(min=1, max=1_000)] = 50,
    json: AsJson = False,
) -> None:
    """List what was done, newest first."""
    from registry.access.actor import local_actor

    wanted = _wanted(person, action, target, outcome, since, until, text)
    found, total = _auditing().page(local_actor(), wanted, number=page, size=size)
    if json:
        as_json({"items": [_as_dict(each) for each in found], "total": total, "page": page, "size": size})
        return
    rows = ((f"{e.at.astimezone():%Y-%m-%d %H:%M:%S}", e.actor_name, e.action, e.target, e.outcome) for e in found)
    table(("when", "who", "what", "on", "outcome"), rows)
    line(f"{len(found)} of {total:,}")


@group.command("verify")
def verify(json: AsJson = False) -> None:
    """Check that no entry was edited or is missing (exit status 1 if one was)."""
    from dataclasses import asdict

    from registry.access.actor import local_actor

    verdict = _auditing().verify(local_actor())
    if json:
        as_json({"holds": verdict.holds, **asdict(verdict)})
    elif verdict.fault is None:
        line(f"The trail holds: {verdict.rows:,} entries checked, the newest has the digest {verdict.digest}.")
    else:
        fault = _FAULTS[verdict.fault].format(number=verdict.number)
        line(f"The trail is broken: {fault}; the {verdict.rows:,} before hold.")
    raise typer.Exit(0 if verdict.holds else 1)


@group.command("export")
def export(  # noqa: PLR0913, PLR0917 - its options
    person: Person = "",
    action: Action = "",
    target: Target = "",
    outcome: Outcome = None,
    since: Since = None,
    until: Until = None,
    text: Text = "",
    output: Annotated[Path | None, typer.Option(help="write to this file instead of standard output")] = None,
) -> None:
    """Write every matching entry as CSV."""
    from registry.access.actor import local_actor

    parts = _auditing().export(local_actor(), _wanted(person, action, target, outcome, since, until, text))
    opened = output.open("w", encoding="utf-8", newline="") if output else nullcontext(sys.stdout)
    with opened as file:
        file.writelines(parts)


def _auditing() -> "Auditing":
    from registry.access.auditing import Auditing
    from registry.records import open_database

    settings = load_settings()
    settings.prepare_home()
    database = open_database(settings.records_url)
    database.upgrade()
    return Auditing(database)


def _wanted(
    person: str,
    action: str,
    target: str,
    outcome: Literal["ok", "refused", "failed"] | None,
    since: datetime | None,
    until: datetime | None,
    text: str,
) -> "TrailFilter":
    from registry.records.audit_search import TrailFilter

    return TrailFilter(person, action, target, outcome, _aware(since), _aware(until), text)


def _aware(moment: datetime | None) -> datetime | None:
    return moment.astimezone() if moment else None


def _as_dict(entry: "AuditEntry") -> dict[str, Any]:
    return entry.model_dump(mode="json", exclude={"previous"})
