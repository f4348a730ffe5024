"""`nexusai datasets …`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.say import as_json, line, table
from registry.settings import load_settings

if TYPE_CHECKING:
    from app.platform import Platform
    from registry.access import Actor
    from registry.training.datasets.problems import ImportReport

group = typer.Typer(help="Datasets and their versions.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
Name = Annotated[str, typer.Argument(help="the dataset's name")]
Number = Annotated[int | None, typer.Option("--version", min=1, help="a version's number; the newest by default")]
_PROBLEMS_SHOWN = 20


@group.command("list")
def list_datasets(
    search: Annotated[str, typer.Option(help="part of a name or description")] = "", json: AsJson = False
) -> None:
    """List the datasets."""
    rooms, actor = _open()
    found, _ = rooms.datasets.list(actor, search=search, size=10_000)
    if json:
        as_json([each.to_dict() for each in found])
    elif not found:
        line("No datasets yet. `nexusai datasets import FILE --name NAME` brings one in.")
    else:
        rows = (
            (s.record.name, s.record.task, s.newest.number, s.newest.images, s.newest.objects, s.record.owner_name)
            for s in found
        )
        table(("name", "task", "version", "images", "objects", "owner"), rows)


@group.command("import")
def import_dataset(  # noqa: PLR0913, PLR0917 - its options
    source: Annotated[Path, typer.Argument(help="a zip archive or a folder")],
    name: Annotated[str, typer.Option(help="a new dataset, or one that gets a version")],
    task: Annotated[str | None, typer.Option(help="detect, segment, classify or pose; found out by default")] = None,
    form: Annotated[str | None, typer.Option("--format", help="coco, voc, yolo or folders; found out")] = None,
    description: Annotated[str, typer.Option()] = "",
    note: Annotated[str, typer.Option(help="what is new in this version")] = "",
    split: Annotated[str, typer.Option(help="a plan as JSON, to divide the samples anew")] = "",
    new_test: Annotated[bool, typer.Option(help="take the source's test split instead of the parent's")] = False,
    json: AsJson = False,
) -> None:
    """Import YOLO, COCO, Pascal VOC or folders of classes, all of it or nothing."""
    from registry.errors import InvalidInput
    from registry.training.datasets.catalogue import version_dict
    from registry.training.datasets.changes import NewVersion
    from registry.training.datasets.intake import Wanted
    from registry.training.datasets.plan import plan_of
    from registry.training.datasets.sample import DatasetTask

    if task is not None and task not in set(DatasetTask):
        raise InvalidInput(f"{task!r} is not a task", hint=f"One of: {', '.join(DatasetTask)}.")
    wanted = Wanted(form, DatasetTask(task) if task else None)
    new = NewVersion(name, wanted, description, note=note, split=plan_of(split), new_test=new_test)
    rooms, actor = _open()
    version, report = rooms.dataset_changes.add(actor, source, new)
    if json:
        as_json({"version": version_dict(version), "report": report.model_dump(mode="json")})
        return
    if report.equals_version:
        line(f"nothing new: it equals {name} version {version.number}")
        return
    line(f"{name} version {version.number}: {version.images} images, {version.objects} objects ({report.format})")
    _tell(report)


@group.command("show")
def show(name: Name, json: AsJson = False) -> None:
    """Show a dataset with its versions."""
    from registry.training.datasets.catalogue import version_dict

    rooms, actor = _open()
    summary, versions = rooms.datasets.get(actor, name), rooms.datasets.versions(actor, name)
    if json:
        as_json(summary.to_dict() | {"versions": [version_dict(each) for each in versions]})
        return
    line(f"{name}: {summary.record.task}, {len(summary.newest.classes)} classes: {', '.join(summary.newest.classes)}")
    rows = (
        (v.number, v.images, v.objects, _splits(v.splits), v.problems, v.sha256[:12], v.created_by, v.note)
        for v in versions
    )
    table(("version", "images", "objects", "splits", "problems", "sha256", "by", "note"), rows)


@group.command("diff")
def diff(
    name: Name,
    before: Annotated[int, typer.Argument(min=1, help="a version's number")],
    after: Annotated[int, typer.Argument(min=1, help="another's")],
    json: AsJson = False,
) -> None:
    """Show what changed from one version to another."""
    rooms, actor = _open()
    found = rooms.datasets.diff(actor, name, before, after)
    if json:
        as_json(found.model_dump(mode="json"))
        return
    line(
        f"images: {found.images_added} added, {found.images_removed} removed, {found.images_changed} changed, "
        f"{found.images_same} the same"
    )
    table(
        ("class", "added", "removed", "before", "after"),
        ((each.name, each.added, each.removed, each.before, each.after) for each in found.classes),
    )


@group.command("split")
def split_dataset(  # noqa: PLR0913, PLR0917 - its options
    name: Name,
    by: Annotated[str, typer.Option(help="group or time")] = "group",
    train: Annotated[float, typer.Option(min=0, max=1)] = 0.7,
    val: Annotated[float, typer.Option(min=0, max=1)] = 0.15,
    test: Annotated[float, typer.Option(min=0, max=1)] = 0.15,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    pattern: Annotated[str, typer.Option(help="where names have the group, such as {group}_*.jpg")] = "",
    version: Number = None,
    json: AsJson = False,
) -> None:
    """Divide a version anew, as the next one; a test split that is there stays."""
    from registry.training.datasets.catalogue import version_dict
    from registry.training.datasets.plan import plan_from

    wanted = {"by": by, "train": train, "val": val, "test": test, "seed": seed, "pattern": pattern}
    rooms, actor = _open()
    made = rooms.dataset_changes.split(actor, name, plan_from(wanted), version)
    if json:
        as_json(version_dict(made))
    else:
        line(f"{name} version {made.number}: {_splits(made.splits)}")


@group.command("export")
def export(
    name: Name,
    target: Annotated[Path, typer.Argument(help="a .zip file, or a folder that is not there yet")],
    form: Annotated[str, typer.Option("--format", help="yolo, coco, voc or folders")],
    version: Number = None,
    json: AsJson = False,
) -> None:
    """Write a version as a zip archive or a folder."""
    rooms, actor = _open()
    rooms.datasets.export(actor, name, version, form, target.absolute())
    if json:
        as_json({"written": str(target)})
    else:
        line(f"{target} is written.")


@group.command("restore")
def restore(
    name: Name, folder: Annotated[Path, typer.Argument(help="a folder that is not there yet")], version: Number = None
) -> None:
    """Copy a version's pictures and annotations to a new folder."""
    rooms, actor = _open()
    made = rooms.datasets.restore(actor, name, version, folder)
    line(f"{folder}: {name} version {made.number}, {made.images} images")


@group.command("push")
def push(name: Name, version: Number = None) -> None:
    """Copy a version to the remote, for other machines and as a backup."""
    rooms, actor = _open()
    made = rooms.dataset_changes.push(actor, name, version)
    line(f"{name} version {made.number} is in {rooms.datasets.workspace.remote}.")


@group.command("pull")
def pull(name: Name, version: Number = None) -> None:
    """Fetch a version from the remote where it is not here."""
    rooms, actor = _open()
    opened = rooms.datasets.open(actor, name, version)
    line(f"{opened.folder}: {len(opened.dataset.samples)} images")


@group.command("delete")
def delete(
    name: Name, yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False, json: AsJson = False
) -> None:
    """Remove a dataset with all its versions; what was pushed stays in the remote."""
    rooms, actor = _open()
    summary = rooms.datasets.get(actor, name)
    if not yes:
        typer.confirm(f"Delete {name} with its {summary.newest.number} versions?", abort=True)
    rooms.dataset_changes.delete(actor, name)
    if json:
        as_json({"deleted": name})
    else:
        line(f"{name} is deleted.")


def _open() -> "tuple[Platform, Actor]":
    from app.platform import Platform
    from registry.access.actor import local_actor

    return Platform.open(load_settings()), local_actor()


def _splits(splits: dict[str, int]) -> str:
    return ", ".join(f"{split or 'none'} {count}" for split, count in splits.items())


def _tell(report: "ImportReport") -> None:
    if not report.counts:
        return
    line(", ".join(f"{kind} {count}" for kind, count in report.counts.items()))
    rows = (
        (each.file, each.line or "", each.kind.value, each.effect, each.message)
        for each in report.problems[:_PROBLEMS_SHOWN]
    )
    table(("file", "line", "problem", "", "what"), rows)
    more = sum(report.counts.values()) - _PROBLEMS_SHOWN
    if more > 0:
        line(f"… and {more} more; --json prints them.")
