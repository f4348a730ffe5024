"""Starting trainings: which version, which data, which recipe, as one job."""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from registry.access import Action, Actor, require
from registry.errors import Conflict, IntegrityError, InvalidInput, InvalidModel, ModelNotFound
from registry.jobs.jobs import Jobs
from registry.jobs.kinds import TRAIN
from registry.jobs.train_parameters import SIZE_STEP_PX, CandidateAlias, Recipe, TrainParameters
from registry.mlflow_file import AccessLevel
from registry.models.files import CHECKPOINT
from registry.models.intake import room_of
from registry.models.names import check_new_name
from registry.models.registry import ModelRegistry
from registry.models.types import ModelSummary, ModelVersion
from registry.records import Job
from registry.training.datasets.catalogue import Datasets
from registry.training.finetune import fitting

_STRICTEST: tuple[AccessLevel, ...] = ("private", "premium", "authenticated", "public")
_SCRATCH_SIZE_PX = 640
_NAMED = 5


@dataclass(frozen=True, slots=True)
class TrainingAsked:
    """What somebody wants trained. Neither version nor alias means the champion, no dataset version the newest.

    `name` publishes under another name than the model's; `new_classes` allows the model's classes to change.
    """

    model: str
    dataset: str
    version: int | None = None
    from_alias: str | None = None
    dataset_version: int | None = None
    name: str = ""
    alias: CandidateAlias = "candidate"
    new_classes: bool = False
    recipe: Recipe = field(default_factory=Recipe)

    def with_recipe(self, recipe: Recipe) -> "TrainingAsked":
        """The same, trained in that way."""
        return replace(self, recipe=recipe)


class Trainings:
    """The way in for trainings of one platform."""

    def __init__(self, jobs: Jobs, models: ModelRegistry, datasets: Datasets) -> None:
        self._jobs, self._models, self._datasets = jobs, models, datasets

    def start(self, actor: Actor, asked: TrainingAsked, not_before: datetime | None = None) -> Job:
        """Queue a training. The same one asked for again is the same job, unless that came to nothing.

        No runner takes it `not_before` that time. Raises NotFound in its forms, Forbidden, InvalidInput in its forms,
        Conflict, QuotaExceeded, TooManyRequests, StorageUnavailable, MlflowUnavailable.
        """
        parameters = self.parameters(actor, asked)
        content = json.dumps(parameters.model_dump(mode="json"), sort_keys=True)
        key = "content:" + hashlib.sha256(content.encode()).hexdigest()
        total = parameters.epochs
        return self._jobs.start(actor, TRAIN.name, parameters, key=key, total=total, not_before=not_before)

    def parameters(self, actor: Actor, asked: TrainingAsked) -> TrainParameters:
        """What the job will be run with, everything checked. Raises as `start`."""
        self._jobs.check_room(actor)
        require(actor, Action.PUBLISH_MODEL)
        model = self._models.get(actor, asked.model)
        parent = self._version(actor, model, asked)
        target = self._target(actor, model, asked.name)
        task = model.task or (str(parent.card.task) if parent else "")
        data = self._datasets.version(actor, asked.dataset, asked.dataset_version)
        opened = self._datasets.open(actor, asked.dataset, data.number)
        reference = f"{asked.dataset}/{data.number}"
        fitting.check_dataset(opened.dataset, task, reference)
        labels = fitting.labels_for(opened.dataset, parent.card.labels if parent else None)
        known = self._classes_of(actor, target)
        if known and not asked.new_classes:
            fitting.check_classes(labels, known, asked.name or asked.model)
        keeps = parent is not None and asked.recipe.architecture is None
        if parent is not None and keeps and CHECKPOINT not in parent.notes:
            raise self._without_checkpoint(actor, parent)
        return TrainParameters.model_validate(
            {
                **asked.recipe.model_dump(),
                "image_size": asked.recipe.image_size or _size(parent),
                "model": asked.name or asked.model,
                "parent": parent.reference if parent and keeps else "",
                "parent_sha256": parent.sha256 if parent and keeps else "",
                "dataset": asked.dataset,
                "dataset_version": data.number,
                "dataset_sha256": data.sha256,
                "labels": labels,
                "task": task,
                "access_level": self._level(actor, model, asked.dataset),
                "alias": asked.alias,
            }
        )

    def trainable(self, actor: Actor, name: str) -> list[ModelVersion]:
        """The versions of a model that keep a checkpoint to train further, newest first. Raises ModelNotFound."""
        return [each for each in self._models.versions(actor, name) if CHECKPOINT in each.notes]

    def _version(self, actor: Actor, model: ModelSummary, asked: TrainingAsked) -> ModelVersion | None:
        """The version to start from; None for a model without versions that gets an architecture."""
        if model.task and model.task not in fitting.TASKS:
            raise InvalidInput(f"models of task {model.task} are not trained here; {', '.join(fitting.TASKS)} are")
        if not model.latest_version:
            if asked.recipe.architecture is None:
                raise InvalidModel(
                    f"{model.name} has no version to start from",
                    hint="Name an architecture to train from nothing.",
                )
            return None
        if asked.version is None and asked.from_alias is None and asked.recipe.architecture is None:
            return self._newest_trainable(actor, model)
        return self._models.resolve(actor, model.name, version=asked.version, alias=asked.from_alias)

    def _newest_trainable(self, actor: Actor, model: ModelSummary) -> ModelVersion:
        """The champion, or where that keeps no checkpoint the newest version that does."""
        champion = self._models.resolve(actor, model.name)
        if CHECKPOINT in champion.notes:
            return champion
        return next(iter(self.trainable(actor, model.name)), champion)

    def _target(self, actor: Actor, model: ModelSummary, name: str) -> ModelSummary | None:
        """The model that gets the version; None for one that is new by it. Raises Forbidden, Conflict, InvalidInput."""
        target: ModelSummary | None = model
        if name and name != model.name:
            check_new_name(name)
            try:
                target = self._models.get(actor, name)
            except ModelNotFound:
                target = None
        room = room_of(self._models, actor)
        if room is not None and not room.bytes:
            raise room.refusal()
        if target is None:
            return None
        require(actor, Action.CHANGE_MODEL, target.target())
        if target.archived:
            raise Conflict(f"model {target.name!r} is archived", hint="Its owner can bring it back on its page.")
        if target.task and model.task and target.task != model.task:
            raise InvalidInput(f"model {target.name!r} answers task {target.task}, not {model.task}")
        return target

    def _classes_of(self, actor: Actor, target: ModelSummary | None) -> tuple[str, ...]:
        if target is None or not target.latest_version:
            return ()
        return self._models.resolve(actor, target.name).card.labels

    def _without_checkpoint(self, actor: Actor, parent: ModelVersion) -> InvalidModel:
        others = [each.reference for each in self.trainable(actor, parent.name)]
        found, _ = self._models.list(actor, task=str(parent.card.task), size=50)
        for model in found:
            if len(others) >= _NAMED:
                break
            if model.name != parent.name and model.latest_version:
                with suppress(ModelNotFound, IntegrityError):  # removed meanwhile, or not what was registered
                    others += [each.reference for each in self.trainable(actor, model.name)[:1]]
        known = f"These do: {', '.join(others[:_NAMED])}. " if others else ""
        return InvalidModel(
            f"{parent.reference} keeps no checkpoint to train further: it came as ONNX",
            hint=f"{known}Or name an architecture to train one from nothing, such as yolo11 with width 0.125.",
            details={"trainable": others[:_NAMED]},
        )

    def _level(self, actor: Actor, model: ModelSummary, dataset: str) -> AccessLevel:
        """A new model is shown as widely as both what it was made from and what it was taught with."""
        given = self._datasets.record(actor, dataset).access_level
        levels = {model.access_level, given}
        return next(each for each in _STRICTEST if each in levels)


def name_and_version(reference: str) -> tuple[str, int | None]:
    """What `name` or `name/version` means. Raises InvalidInput."""
    name, slash, number = reference.partition("/")
    if slash and not (number.isdecimal() and len(number) < 10):
        raise InvalidInput(f"{reference[:100]!r} is neither name nor name/version")
    return name, int(number) if slash else None


def _size(parent: ModelVersion | None) -> int:
    """The longer side that the parent's card names, as a multiple of 32."""
    if parent is None:
        return _SCRATCH_SIZE_PX
    side = max(parent.card.input.width, parent.card.input.height)
    return min(max(64, -(-side // SIZE_STEP_PX) * SIZE_STEP_PX), 1_536)
