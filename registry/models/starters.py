"""The starter models of the catalogue: registered at the first start, without any download."""

from collections.abc import Sequence
from pathlib import Path

from registry.access import Actor
from registry.errors import InvalidSetting, MissingExtra
from registry.models.files import bundle_sha256, sha256_of
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.types import CHAMPION, ModelVersion
from registry.runtime.card import ModelCard
from registry.runtime.ocr import bundled_ocr_models
from registry.settings import PROJECT_ROOT, CatalogueEntry


def publish_starters(models: ModelRegistry, actor: Actor) -> list[ModelVersion]:
    """Register every starter that is missing or has changed; returns the new versions.

    A starter whose packages are not installed is left out.
    """
    made = []
    for entry in models.settings.read_mlflow_file().catalogue:
        if not entry.starter:
            continue
        try:
            draft = _draft(entry)
        except MissingExtra:
            continue
        if not _is_current(models, actor, draft):
            made.append(models.publish(actor, draft))
    return made


def _draft(entry: CatalogueEntry) -> Draft:
    if entry.source == "package:rapidocr":
        files = {name: path.read_bytes() for name, path in bundled_ocr_models().items()}
        card = ModelCard.model_validate(entry.card)
    else:
        folder = PROJECT_ROOT / entry.source
        files = {"model.onnx": _read(folder / "model.onnx")}
        card = ModelCard.parse(_read(folder / "card.json"))
    return Draft(entry.name, files, card, entry.description, entry.access_level, CHAMPION)


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise InvalidSetting(
            f"the catalogue names {path}, which is not there", hint="Run `dvc repro` to rebuild the starters."
        )
    return path.read_bytes()


def _is_current(models: ModelRegistry, actor: Actor, draft: Draft) -> bool:
    wanted = bundle_sha256({name: sha256_of(data) for name, data in draft.files.items()})
    return any(each.sha256 == wanted and each.card == draft.card for each in _versions(models, actor, draft.name))


def _versions(models: ModelRegistry, actor: Actor, name: str) -> Sequence[ModelVersion]:
    names = {model.name for model in models.list(actor, search=name)[0]}
    return models.versions(actor, name) if name in names else []
