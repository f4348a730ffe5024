"""`nexusai models tune` and `nexusai models optimise`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from app.cli.say import as_json, line, table
from registry.settings import load_settings

if TYPE_CHECKING:
    from registry.models.tuning_table import TunedLane, TunedRow, TuningTable
    from registry.tuning.tune import Tuned


def tune(  # noqa: PLR0913, PLR0917 - its options
    name: Annotated[str, typer.Argument(help="the registered name")],
    version: Annotated[int | None, typer.Option(help="a version number")] = None,
    alias: Annotated[str | None, typer.Option(help="an alias; the default is champion")] = None,
    dataset: Annotated[
        str, typer.Option(help="a folder with train and val pictures and labels, or `starter`; docs/serving.md")
    ] = "",
    bound: Annotated[float, typer.Option(help="accuracy that may be lost, a share")] = 0.01,
    minutes: Annotated[float, typer.Option(help="about how long it may measure")] = 5.0,
    goal: Annotated[
        str, typer.Option(help="latency (one image soonest) or throughput (most images a second)")
    ] = "latency",
    job: Annotated[
        bool, typer.Option("--job", help="let the platform's runner do it; the dataset is then a registered one")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Measure every way to run a model on this machine, and run it the fastest way that is accurate enough."""
    from app.platform import Platform
    from registry.access.actor import local_actor
    from registry.errors import InvalidInput
    from registry.tuning.tune import Wanted
    from registry.tuning.tune import tune as run
    from registry.tuning.watch import Watch

    if goal not in ("latency", "throughput"):
        raise InvalidInput(f"--goal is latency or throughput, not {goal[:40]!r}")
    if job:
        _as_job(name, version, alias, {"dataset": dataset, "bound": bound, "minutes": minutes, "goal": goal}, json=json)
        return
    wanted = Wanted(dataset, bound, minutes, "latency" if goal == "latency" else "throughput")
    wanted.check()
    watch = Watch(minutes * 60, progress=_silent if json else _say)
    models = Platform.open(load_settings()).models
    tuned = run(models, local_actor(), name, wanted, watch, version=version, alias=alias)
    if json:
        as_json(tuned.table.model_dump(mode="json") | {"version": tuned.version.version, "choice": _choice(tuned)})
        return
    _show(tuned.table)
    line("")
    line(tuned.table.verdict)
    _say_outcome(tuned)


def _as_job(name: str, version: int | None, alias: str | None, given: dict[str, Any], *, json: bool) -> None:
    from app.cli.jobs import follow
    from app.platform import Platform
    from registry.access.actor import local_actor
    from registry.errors import InvalidInput
    from registry.jobs.tuning_parameters import TuneParameters
    from registry.validation import first_problem

    rooms, actor = Platform.open(load_settings()), local_actor()
    found = rooms.measuring.version(actor, name, version, alias)
    try:
        wanted = TuneParameters(model=found.name, version=found.version, **given)
    except ValidationError as error:
        raise InvalidInput(f"--{first_problem(error)}") from error
    follow(rooms, actor, rooms.measuring.tune(actor, wanted), wait=False, json=json)


def _choice(tuned: "Tuned") -> dict[str, Any] | None:
    return tuned.choice.model_dump(mode="json") if tuned.choice else None


def _say_outcome(tuned: "Tuned") -> None:
    name, number = tuned.version.name, tuned.version.version
    line(f"Version {number} runs here by {tuned.choice or 'the default'} from now on.")
    if tuned.made:
        line(f"Version {tuned.made.version} holds what was chosen; no alias names it. Look at it, then:")
        line(f"  nexusai models promote {name} {tuned.made.version}")


def _show(found: "TuningTable") -> None:
    columns = ("way to run it", found.metric, "alone", "", "beside", "", "")
    table(columns, (_row(row) for row in found.rows))
    line("Milliseconds for each image, alone and beside others, and how many times as fast as the first row.")


def _row(row: "TunedRow") -> tuple[str, ...]:
    way = f"{row.variant}, {row.backend}" + ("" if row.precision == "f32" else f" {row.precision}")
    accuracy = "" if row.accuracy is None else f"{row.accuracy:.4f}"
    return (way, accuracy, *_best(row.alone), *_best(row.beside), row.note)


def _best(lanes: "tuple[TunedLane, ...]") -> tuple[str, str]:
    best = max(lanes, key=lambda each: each.speedup, default=None)
    return (f"{best.ms:.2f}", f"{best.speedup:.2f}×") if best else ("", "")


def _say(share: float, text: str) -> None:
    line(f"  {share:4.0%}  {text}", to_error=True)


def _silent(_share: float, _text: str) -> None:
    """Standard error stays empty for a script."""


def optimise(  # noqa: PLR0913, PLR0917 - its options
    name: Annotated[str, typer.Argument(help="the registered name")],
    dataset: Annotated[str, typer.Option(help="`starter`, or a registered dataset as name or name/version")],
    version: Annotated[int | None, typer.Option(help="a version number")] = None,
    alias: Annotated[str | None, typer.Option(help="an alias; the default is champion")] = None,
    form: Annotated[
        list[str] | None, typer.Option(help="only this form; repeat it: slim, fp16, int8, int8-openvino, tensorrt")
    ] = None,
    faster: Annotated[float, typer.Option(min=0, max=1_000, help="at least so many percent faster, for sure")] = 10.0,
    bound: Annotated[float, typer.Option(min=0, max=1, help="accuracy that may be lost, a share")] = 0.01,
    class_bound: Annotated[float, typer.Option(min=0, max=1, help="accuracy that any one class may lose")] = 0.1,
    repeats: Annotated[int, typer.Option(min=5, max=200, help="alternating rounds")] = 15,
    wait: Annotated[bool, typer.Option(help="watch the job until it has ended")] = False,
    json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Make smaller and faster forms of a version, as a job; those that pass both gates become versions."""
    from app.cli.jobs import follow
    from app.platform import Platform
    from registry.access.actor import local_actor
    from registry.errors import InvalidInput
    from registry.jobs.tuning_parameters import FORMS, OptimiseParameters

    unknown = [each for each in form or () if each not in FORMS]
    if unknown:
        raise InvalidInput(f"there is no form {unknown[0][:40]!r}; there are {', '.join(FORMS)}")
    rooms, actor = Platform.open(load_settings()), local_actor()
    found = rooms.measuring.version(actor, name, version, alias)
    wanted = OptimiseParameters(
        model=found.name,
        version=found.version,
        dataset=dataset,
        forms=tuple(each for each in FORMS if not form or each in form),
        faster_percent=faster,
        bound=bound,
        class_bound=class_bound,
        repeats=repeats,
    )
    follow(rooms, actor, rooms.measuring.optimise(actor, wanted), wait=wait, json=json)
