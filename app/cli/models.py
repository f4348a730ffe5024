"""`nexusai models …` and `nexusai predict`."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.say import as_json, line, table
from registry.errors import InvalidImage
from registry.settings import load_settings

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
def push(
    file: Annotated[Path, typer.Argument(help="an ONNX file")],
    name: Annotated[str, typer.Option(help="the registered name")],
    card: Annotated[Path | None, typer.Option(help="a JSON file with the model's card")] = None,
    alias: Annotated[str, typer.Option(help="alias to move to the new version; empty for none")] = "champion",
    json: AsJson = False,
) -> None:
    """Check an ONNX file and register it as a new version."""
    from app.platform import Platform
    from registry.access.actor import local_actor
    from registry.models.intake import take_in
    from registry.models.types import version_dict
    from registry.runtime.card import ModelCard

    known = ModelCard.parse(card.read_bytes()) if card else None
    made = take_in(Platform.open(load_settings()).models, local_actor(), file, name, card=known, alias=alias)
    if json:
        as_json(version_dict(made))
    else:
        line(f"{made.name} version {made.version} ({made.card.task}), sha256 {made.sha256[:12]}")


@group.command("starters")
def starters() -> None:
    """Register the starter models of the catalogue that are missing or have changed."""
    from app.platform import Platform
    from registry.access.actor import local_actor
    from registry.models.starters import publish_starters

    for made in publish_starters(Platform.open(load_settings()).models, local_actor()):
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
    from registry.models.serving import Thresholds

    if not image.is_file():
        raise InvalidImage(f"{image} is not a file")
    answer = Platform.open(load_settings()).serving.predict(
        local_actor(),
        image.read_bytes(),
        model=model,
        version=version,
        alias=alias,
        thresholds=Thresholds(confidence, iou),
    )
    if save:
        from registry.vision.encoding import encode_jpeg

        save.write_bytes(encode_jpeg(answer.plot()))
    if json:
        as_json(answer.to_dict())
        return
    rows = answer.rows()
    line(f"{answer.version.name} version {answer.version.version}: {len(rows)} found in {image.name}")
    if rows:
        table(list(rows[0]), (list(row.values()) for row in rows))


def _aliases(aliases: dict[str, int]) -> str:
    return ", ".join(f"{alias} → {version}" for alias, version in sorted(aliases.items()))
