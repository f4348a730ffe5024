"""Writing a new version into MLflow: a run with its figures, the files, the version, its alias."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from registry.access import Actor
from registry.errors import RegistryError
from registry.mlflow_file import AccessLevel
from registry.models import alias_history, tags
from registry.models.creating import create_model
from registry.models.files import CARD, CHECKPOINT, FOLDER, bundle_sha256, sha256_of
from registry.runtime.card import ModelCard
from registry.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

_TAGGED_METRICS = 12  # what lists show of them; the card and the run have them all


@dataclass(frozen=True, slots=True)
class Draft:
    """A checked model on its way into the registry.

    `files` maps names to contents and is what is served; `notes` are kept beside them for people to read. `alias` names
    the version at once, `first_alias` only one that is its model's first, so that it takes nothing over.
    """

    name: str
    files: Mapping[str, bytes]
    card: ModelCard
    description: str = ""
    access_level: AccessLevel = "authenticated"
    alias: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, bytes] = field(default_factory=dict)
    parent: str = ""  # the version it was made from, as name/version
    first_alias: str = ""


def publish(client: MlflowClient, actor: Actor, draft: Draft, *, is_new: bool, settings: Settings) -> int:
    """Write the draft; returns the new version's number. On any error what was begun is taken back."""
    experiment = _experiment(client, settings.models_experiment())
    run_id = client.create_run(experiment, run_name=f"publish {draft.name}").info.run_id
    made_model = False
    try:
        _log(client, run_id, draft)
        if is_new:
            tagged = model_tags(actor, str(draft.card.task), draft.access_level)
            create_model(client, draft.name, tagged, draft.description)
            made_model = True
        version = client.create_model_version(
            draft.name,
            source=f"runs:/{run_id}/{FOLDER}",
            run_id=run_id,
            tags=_version_tags(actor, draft),
            description=draft.card.description or None,
            await_creation_for=0,
        )
        client.set_terminated(run_id)
    except Exception:
        with contextlib.suppress(RegistryError, OSError, _mlflow_error()):
            client.set_terminated(run_id, "FAILED")
            if made_model:
                client.delete_registered_model(draft.name)
        raise
    number = int(version.version)
    client.set_registered_model_tag(draft.name, tags.TASK, str(draft.card.task))
    alias = draft.alias or (draft.first_alias if _is_first(client, draft, number) else "")
    if alias:
        alias_history.move(client, draft.name, alias, number, actor.name)
    return number


def _is_first(client: MlflowClient, draft: Draft, number: int) -> bool:
    """Whether no version was there before this one, and nothing took its alias meanwhile.

    MLflow numbers versions one after the other: of several that come at once, in whatever process, one is the first.
    """
    found = client.search_model_versions(f"name = '{draft.name}'", order_by=["version_number ASC"])
    earliest = min(int(each.version) for each in found if tags.FILES in each.tags)
    return earliest == number and draft.first_alias not in client.get_registered_model(draft.name).aliases


def _log(client: MlflowClient, run_id: str, draft: Draft) -> None:
    card = draft.card
    facts = {"task": str(card.task), "decoder": str(card.decoder), "dataset": card.dataset, "parent": draft.parent}
    for key, value in (facts | dict(draft.parameters)).items():
        if value:
            client.log_param(run_id, key, value[:500])
    for key, figure in card.metrics.items():
        client.log_metric(run_id, _metric_name(key), figure)
    if card.git_commit:
        client.set_tag(run_id, "mlflow.source.git.commit", card.git_commit)
    with tempfile.TemporaryDirectory(prefix="nexusai-publish-") as folder:
        for name, data in {**draft.notes, **draft.files}.items():
            (Path(folder) / name).write_bytes(data)
        (Path(folder) / CARD).write_text(card.model_dump_json(indent=2), encoding="utf-8")
        _write_mlmodel(Path(folder), run_id, draft)
        client.log_artifacts(run_id, folder, FOLDER)


def _write_mlmodel(folder: Path, run_id: str, draft: Draft) -> None:
    """Describe the folder the way MLflow's own tools expect: flavour, signature, run."""
    import numpy as np
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    spec = draft.card.input
    side = (-1, -1) if spec.dynamic else (spec.height, spec.width)
    image = TensorSpec(np.dtype("float32"), (-1, spec.channels, *side), "image")
    model = Model(
        artifact_path=FOLDER,
        run_id=run_id,
        signature=ModelSignature(inputs=Schema([image])),
        metadata={"card": CARD, "task": str(draft.card.task)},
    )
    if set(draft.files) == {"model.onnx"}:
        model.add_flavor("onnx", data="model.onnx", providers=["CPUExecutionProvider"], save_as_external_data=False)
    model.save(str(folder / "MLmodel"))


def model_tags(owner: Actor, task: str, access_level: AccessLevel) -> dict[str, Any]:
    """The tags of a new registered model."""
    return {
        tags.OWNER_ID: owner.id,
        tags.OWNER_NAME: owner.name,
        tags.ACCESS_LEVEL: access_level,
        tags.TASK: task,
    }


def _version_tags(actor: Actor, draft: Draft) -> dict[str, Any]:
    files, notes = ({name: sha256_of(data) for name, data in kept.items()} for kept in (draft.files, draft.notes))
    further = {tags.PARENT: draft.parent} if draft.parent else {}
    if CHECKPOINT in draft.notes:
        further[tags.KEPT_SIZE] = str(len(draft.notes[CHECKPOINT]))
    return {
        tags.FILES: json.dumps(files, sort_keys=True),
        tags.SHA256: bundle_sha256(files),
        tags.CARD_SHA256: sha256_of(draft.card.model_dump_json(indent=2).encode()),
        tags.SIZE: str(sum(map(len, draft.files.values()))),
        tags.TASK: str(draft.card.task),
        tags.PUBLISHED_BY: actor.name,
        tags.METRICS: json.dumps(dict(list(draft.card.metrics.items())[:_TAGGED_METRICS])),
        tags.NOTES: json.dumps(notes, sort_keys=True),
        **further,
        tags.PUBLISHER_ID: actor.id,
    }


def _experiment(client: MlflowClient, name: str) -> str:
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(name))


def _metric_name(key: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "_-./ " else "_" for letter in key)


def _mlflow_error() -> type[Exception]:
    from mlflow.exceptions import MlflowException

    return cast(type[Exception], MlflowException)
