"""`nexusai schedules …`."""

import json as jsonlib
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.say import as_json, line, table
from registry.errors import InvalidInput
from registry.settings import load_settings

if TYPE_CHECKING:
    from app.platform import Platform
    from registry.jobs.schedules import Plan
    from registry.records import Schedule

group = typer.Typer(help="Jobs that are started again and again.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
Id = Annotated[str, typer.Argument(help="the schedule's id, or its name")]
Parameter = Annotated[
    list[str] | None, typer.Option("--set", help="a parameter as NAME=VALUE, VALUE in JSON or a plain word; repeat it")
]


@group.command("list")
def list_schedules(json: AsJson = False) -> None:
    """List the schedules."""
    from registry.jobs.schedules import schedule_dict

    rooms, actor = _rooms()
    found, _ = rooms.schedules.page(actor, size=1_000)
    if json:
        as_json([schedule_dict(each) for each in found])
        return
    rows = (
        (each.id[:12], each.name, each.kind, each.cron, each.time_zone, _next(each), each.owner_name, each.problem)
        for each in found
    )
    table(("id", "name", "kind", "cron", "zone", "next (UTC)", "owner", "problem"), rows)


@group.command("add")
def add(
    name: Annotated[str, typer.Argument(help="what it is called")],
    kind: Annotated[str, typer.Option(help="batch, video, train, optimise, tune, clean or backup")],
    cron: Annotated[str, typer.Option(help="minute hour day-of-month month day-of-week, in quotes")],
    time_zone: Annotated[str, typer.Option(help="a name such as Europe/Berlin")] = "UTC",
    parameter: Parameter = None,
    json: AsJson = False,
) -> None:
    """Have a job started at times that come again."""
    from registry.jobs.schedules import Plan

    rooms, actor = _rooms()
    _say(rooms.schedules.create(actor, Plan(name, kind, _parameters(parameter), cron, time_zone)), json=json)


@group.command("change")
def change(
    schedule: Id,
    name: Annotated[str | None, typer.Option(help="a new name")] = None,
    cron: Annotated[str | None, typer.Option(help="other times")] = None,
    time_zone: Annotated[str | None, typer.Option(help="another time zone")] = None,
    parameter: Parameter = None,
    active: Annotated[bool | None, typer.Option("--resume/--pause", help="let it start jobs, or rest")] = None,
    json: AsJson = False,
) -> None:
    """Change a schedule; what is not named stays."""
    rooms, actor = _rooms()
    found = _find(rooms, actor, schedule)
    plan = _plan(found)
    given = {"name": name, "cron": cron, "time_zone": time_zone, "active": active}
    plan = replace(plan, **{key: value for key, value in given.items() if value is not None})  # type: ignore[arg-type]
    plan = replace(plan, parameters={**plan.parameters, **_parameters(parameter)})
    _say(rooms.schedules.update(actor, found.id, plan), json=json)


@group.command("run")
def run(schedule: Id, json: AsJson = False) -> None:
    """Start its job now, beside its times."""
    from app.cli.jobs import follow

    rooms, actor = _rooms()
    follow(rooms, actor, rooms.schedules.run_now(actor, _find(rooms, actor, schedule).id), wait=False, json=json)


@group.command("remove")
def remove(schedule: Id) -> None:
    """Remove a schedule; the jobs that it started stay."""
    rooms, actor = _rooms()
    found = _find(rooms, actor, schedule)
    rooms.schedules.delete(actor, found.id)
    line(f"Schedule {found.name!r} is removed.")


def _rooms() -> "tuple[Platform, Any]":
    from app.platform import Platform
    from registry.access.actor import local_actor

    return Platform.open(load_settings()), local_actor()


def _find(rooms: "Platform", actor: Any, wanted: str) -> "Schedule":
    found, _ = rooms.schedules.page(actor, size=1_000)
    fitting = [each for each in found if each.name == wanted or (len(wanted) >= 4 and each.id.startswith(wanted))]
    if len(fitting) > 1:
        ids = ", ".join(f"{each.id} ({each.owner_name})" for each in fitting[:5])
        raise InvalidInput(f"{len(fitting)} schedules are called {wanted[:40]!r}", hint=f"Give the id of one: {ids}.")
    return fitting[0] if fitting else rooms.schedules.get(actor, wanted)


def _plan(found: "Schedule") -> "Plan":
    from registry.jobs.schedules import Plan

    return Plan(found.name, found.kind, found.parameters, found.cron, found.time_zone, found.active)


def _parameters(given: list[str] | None) -> dict[str, Any]:
    found = {}
    for each in given or ():
        name, equals, value = each.partition("=")
        if not equals:
            raise InvalidInput(f"--set {each[:60]!r}: expected NAME=VALUE")
        try:
            found[name] = jsonlib.loads(value)
        except ValueError:
            found[name] = value
    return found


def _next(schedule: "Schedule") -> str:
    return f"{schedule.next_at:%F %R}" if schedule.next_at else "rests" if not schedule.active else "soon"


def _say(schedule: "Schedule", *, json: bool) -> None:
    from registry.jobs.schedules import schedule_dict

    if json:
        as_json(schedule_dict(schedule))
    else:
        line(f"Schedule {schedule.name!r} ({schedule.id[:12]}): next {_next(schedule)}.")
