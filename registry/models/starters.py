"""The starter models of the catalogue: registered at the first start, without any download."""

from pathlib import Path

import structlog

from registry.access import Actor
from registry.errors import InvalidSetting, MissingExtra, ModelNotFound
from registry.mlflow_file import CatalogueEntry
from registry.models.files import CHECKPOINT, bundle_sha256, sha256_of
from registry.models.naming import name_version
from registry.models.promotion import SetAlias
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.types import CHAMPION, ModelVersion
from registry.runtime.card import MODEL_FILE, ModelCard
from registry.runtime.ocr import bundled_ocr_models
from registry.settings import PROJECT_ROOT

_log = structlog.get_logger(__name__)


def publish_starters(models: ModelRegistry, actor: Actor, move: SetAlias | None = None) -> list[ModelVersion]:
    """Register every starter that is missing or has changed; returns the new versions.

    The first version of a starter is its champion. Where one has changed, the champion is moved by `move`, see
    `name_version`; where it is not, the log says why. A starter whose packages are not installed is left out.
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
            version, problem = name_version(models, actor, models.publish(actor, draft), CHAMPION, move)
            if problem:
                _log.error("starter_not_champion", model=version.name, version=version.version, problem=problem)
            made.append(version)
    return made


def local_files(entry: CatalogueEntry) -> dict[str, Path]:
    """The files of an entry that is not fetched, by name. Raises MissingExtra, InvalidSetting."""
    if entry.source == "package:rapidocr":
        return bundled_ocr_models()
    found = PROJECT_ROOT / entry.source / MODEL_FILE
    if not found.is_file():
        raise InvalidSetting(
            f"the catalogue names {found}, which is not there", hint="Run `dvc repro` to rebuild the starters."
        )
    return {MODEL_FILE: found}


def local_card(entry: CatalogueEntry) -> ModelCard:
    """The card of an entry that is not fetched: its own, or the one beside its file."""
    if entry.card:
        return ModelCard.model_validate(entry.card)
    return ModelCard.parse((PROJECT_ROOT / entry.source / "card.json").read_bytes())


def _draft(entry: CatalogueEntry) -> Draft:
    files = {name: path.read_bytes() for name, path in local_files(entry).items()}
    trained = PROJECT_ROOT / entry.source / CHECKPOINT
    notes = {CHECKPOINT: trained.read_bytes()} if trained.is_file() else {}
    card, level = local_card(entry), entry.access_level
    return Draft(entry.name, files, card, entry.description, level, notes=notes, first_alias=CHAMPION)


def _is_current(models: ModelRegistry, actor: Actor, draft: Draft) -> bool:
    """Whether it is there as it is here; what somebody archived is left alone."""
    wanted = bundle_sha256({name: sha256_of(data) for name, data in draft.files.items()})
    try:
        archived = models.get(actor, draft.name).archived
    except ModelNotFound:
        return False
    made = models.versions(actor, draft.name)
    return archived or any(each.sha256 == wanted and each.card == draft.card for each in made)
