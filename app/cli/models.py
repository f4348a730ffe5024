"""`nexusai models …` and `nexusai predict`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.say import as_json, line, logs_aside, table
from app.cli.steps import following
from registry.errors import InvalidImage
from registry.mlflow_file import AccessLevel
from registry.settings import load_settings
from registry.sizes import bytes_text

if TYPE_CHECKING:
    from registry.models.types import ModelVersion

group = typer.Typer(help="The registered models.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]


@group.command("list")
def list_models(
    search: Annotated[str, typer.Option(help="part of a name or description")] = "", json: AsJson = False
) -> None:
    """List the registered models."""
    from app.platform import Platform
    from registry.access.actor import local_actor

    found, _ = Platform.open(load_settings()).models.list(local_actor(), search=search, size=10_000)
    if json:
        as_json([model.to_dict() for model in found])
    elif not found:
        line("No models yet. `nexusai up --demo` registers the starters; docs/models.md says how to publish one.")
    else:
        rows = ((m.name, m.task, m.latest_version, _aliases(m.aliases), m.access_level, m.owner_name) for m in found)
        table(("name", "task", "version", "aliases", "access", "owner"), rows)


@group.command("push")
def push(  # noqa: PLR0913, PLR0917 - its options
    file: Annotated[
        Path, typer.Argument(help="ONNX, PyTorch, TorchScript, Keras, SavedModel, frozen .pb, or a folder")
    ],
    name: Annotated[str, typer.Option(help="the registered name")],
    card: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="a JSON file with the model's card")
    ] = None,
    alias: Annotated[str, typer.Option(help="alias to move to the new version; empty for none")] = "champion",
    description: Annotated[str, typer.Option(help="what it is for")] = "",
    access_level: Annotated[AccessLevel, typer.Option(help="who may use a new model")] = "authenticated",
    parent: Annotated[str, typer.Option(help="the version it was made from, as name/version")] = "",
    json: AsJson = False,
) -> None:
    """Look at a model file, convert it to ONNX, try it, and register it as a new version.

    Ends with 1 also where it was registered and its alias could not be moved.
    """
    from app.platform import Platform
    from registry.access.actor import local_actor
    from registry.models.intake import Wanted, take_wanted
    from registry.models.packing import packed
    from registry.models.types import version_dict
    from registry.runtime.card import ModelCard

    logs_aside()
    known = ModelCard.parse(card.read_bytes()) if card else None
    wanted = Wanted(name, known, "", description, access_level, alias, parent)
    rooms = Platform.open(load_settings())
    model = packed(file, rooms.live.current().upload_max_mb) if file.is_dir() else file
    with following(quiet=json) as journey:
        made = take_wanted(rooms.models, local_actor(), model, wanted, journey, rooms.serving.move_alias)
    _say_made(made, version_dict(made), journey.warning, json=json)


@group.command("catalogue")
def catalogue(json: AsJson = False) -> None:
    """List the models that can be pulled, and which are here already."""
    from app.platform import Platform
    from registry.access.actor import local_actor

    offers = Platform.open(load_settings()).catalogue.offers(local_actor())
    if json:
        as_json([offer.to_dict() for offer in offers])
        return
    rows = ((o.entry.name, o.entry.task, o.state, _size(o.entry.size_bytes), o.entry.licence) for o in offers)
    table(("name", "task", "state", "download", "licence"), rows)


@group.command("pull")
def pull(
    name: Annotated[str, typer.Argument(help="an entry of `nexusai models catalogue`")],
    file: Annotated[Path | None, typer.Option(help="the file, fetched elsewhere; its sha256 is checked")] = None,
    sha256: Annotated[str, typer.Option(help="the file's sha256, for an entry that states none")] = "",
    trust_first_download: Annotated[
        bool, typer.Option(help="take what comes for an entry that states no sha256")
    ] = False,
    json: AsJson = False,
) -> None:
    """Fetch a model of the catalogue, verify it, and register it as a new version."""
    from app.platform import Platform
    from registry.access.actor import local_actor
    from registry.models.catalogue import Trust
    from registry.models.types import version_dict

    logs_aside()
    trust = Trust(sha256, trust_first_download)
    with following(quiet=json) as journey:
        made = Platform.open(load_settings()).catalogue.take(local_actor(), name, journey, trust, file)
    _say_made(made, {"name": made.name} | version_dict(made), journey.warning, json=json)


@group.command("promote")
def promote(
    name: Annotated[str, typer.Argument(help="the registered name")],
    version: Annotated[int, typer.Argument(help="the version's number")],
    alias: Annotated[str, typer.Option(help="the alias to move")] = "champion",
) -> None:
    """Load and try a version, then let an alias name it."""
    from app.platform import Platform
    from registry.access.actor import local_actor

    logs_aside()
    Platform.open(load_settings()).serving.move_alias(local_actor(), name, alias, version)
    line(f"{alias} of {name} is version {version} now.")


@group.command("rollback")
def rollback(
    name: Annotated[str, typer.Argument(help="the registered name")],
    alias: Annotated[str, typer.Option(help="the alias to move back")] = "champion",
) -> None:
    """Load and try the version an alias named before, then let it name that again."""
    from app.platform import Platform
    from registry.access.actor import local_actor
    from registry.models import promotion

    logs_aside()
    rooms = Platform.open(load_settings())
    back = promotion.rollback(rooms.models, local_actor(), name, alias=alias, move=rooms.serving.move_alias)
    line(f"{alias} of {name} is version {back.version} again.")


@group.command("starters")
def starters() -> None:
    """Register the starter models of the catalogue that are missing or have changed."""
    from app.platform import Platform
    from registry.access.actor import local_actor
    from registry.models.starters import publish_starters

    logs_aside()
    rooms = Platform.open(load_settings())
    for made in publish_starters(rooms.models, local_actor(), rooms.serving.move_alias):
        line(f"  Registered {made.name} version {made.version} ({made.card.task})")


def predict(  # noqa: PLR0913, PLR0917 - its options
    image: Annotated[Path, typer.Argument(help="a JPEG, PNG, WebP, BMP or TIFF file")],
    model: Annotated[str, typer.Option(help="the registered name")],
    version: Annotated[int | None, typer.Option(help="a version number")] = None,
    alias: Annotated[str | None, typer.Option(help="an alias; the default is champion")] = None,
    confidence: Annotated[float | None, typer.Option(min=0, max=1)] = None,
    iou: Annotated[float | None, typer.Option(min=0, max=1)] = None,
    save: Annotated[Path | None, typer.Option(help="write the picture with the answer drawn on it")] = None,
    json: AsJson = False,
) -> None:
    """Run a model on one image."""
    from app.platform import Platform
    from registry.access.actor import local_actor
    from registry.models.thresholds import Thresholds

    if not image.is_file():
        raise InvalidImage(f"{image} is not a file")
    logs_aside()
    rooms = Platform.open(load_settings())
    answer = rooms.serving.predict(
        local_actor(),
        image.read_bytes(),
        model=model,
        version=version,
        alias=alias,
        thresholds=Thresholds(confidence, iou),
    )
    if save:
        from registry.vision.encoding import encode_jpeg

        save.write_bytes(encode_jpeg(answer.plot(), rooms.live.current().jpeg_quality))
    if json:
        as_json(answer.to_dict())
        return
    rows = answer.rows()
    line(f"{answer.version.name} version {answer.version.version}: {len(rows)} found in {image.name}")
    if rows:
        table(list(rows[0]), (list(row.values()) for row in rows))


def _say_made(made: "ModelVersion", told: dict[str, Any], warning: str, *, json: bool) -> None:
    """Tell of a new version; ends the command with 1 where something that was asked for was not done."""
    if json:
        as_json(told)
    else:
        line(f"{made.name} version {made.version} ({made.card.task}), sha256 {made.sha256[:12]}")
    if warning:
        line(f"nexusai: {warning}", to_error=True)
        raise typer.Exit(1)


def _size(count: int) -> str:
    return bytes_text(count) if count else "–"


def _aliases(aliases: dict[str, int]) -> str:
    return ", ".join(f"{alias} → {version}" for alias, version in sorted(aliases.items()))
