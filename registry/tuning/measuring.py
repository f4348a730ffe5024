"""Starting tunes and optimisations as jobs."""

from typing import TypeVar

from pydantic import BaseModel
from sqlmodel import Session

from registry.access import Action, Actor, require
from registry.errors import InvalidInput
from registry.jobs.jobs import Jobs
from registry.jobs.kinds import OPTIMISE, TUNE
from registry.jobs.tuning_parameters import STARTER, OptimiseParameters, TuneParameters
from registry.models.registry import ModelRegistry
from registry.models.types import ModelVersion
from registry.records import Job
from registry.records import jobs as records
from registry.runtime.card import MODEL_FILE
from registry.training.datasets.catalogue import Datasets
from registry.tuning.dataset_data import open_registered

Wanted = TypeVar("Wanted", OptimiseParameters, TuneParameters)


class Measuring:
    """The way in for tunes and optimisations of one platform."""

    def __init__(self, jobs: Jobs, models: ModelRegistry, datasets: Datasets) -> None:
        self._jobs, self._models, self._datasets = jobs, models, datasets

    def version(self, actor: Actor, name: str, version: int | None = None, alias: str | None = None) -> ModelVersion:
        """The version that is meant, for somebody who may change its model.

        Raises Forbidden, ModelNotFound, VersionNotFound, AliasNotFound, InvalidInput.
        """
        require(actor, Action.CHANGE_MODEL, self._models.get(actor, name).target())
        found = self._models.resolve(actor, name, version=version, alias=alias)
        if set(found.files) != {MODEL_FILE}:
            raise InvalidInput(f"a model of several files cannot be measured: {', '.join(sorted(found.files))}")
        return found

    def optimise(self, actor: Actor, wanted: OptimiseParameters, key: str | None = None) -> Job:
        """Queue an optimisation; the same one that has not ended yet is given back instead.

        Raises as `version` does, DatasetNotFound, TooManyRequests.
        """
        return self._start(actor, OPTIMISE.name, self.check(actor, wanted), key)

    def tune(self, actor: Actor, wanted: TuneParameters, key: str | None = None) -> Job:
        """Queue a tune; as `optimise`."""
        return self._start(actor, TUNE.name, self.check(actor, wanted), key)

    def check(self, actor: Actor, wanted: Wanted) -> Wanted:
        """The parameters with the dataset's version written out. Raises as `optimise` does."""
        self._jobs.check_room(actor)
        version = self.version(actor, wanted.model, wanted.version)
        data = open_registered(self._datasets, actor, wanted.dataset, version.card)
        fixed = wanted.dataset if wanted.dataset == STARTER else data.name
        return wanted.model_copy(update={"dataset": fixed})

    def _start(self, actor: Actor, kind: str, wanted: BaseModel, key: str | None) -> Job:
        asked = wanted.model_dump(mode="json")

        def same(session: Session) -> Job | None:
            for job in records.unfinished(session, kind):
                if job.owner_id == actor.id and job.parameters == asked and job.cancel_requested_at is None:
                    return job
            return None

        return self._jobs.start_unless(actor, kind, wanted, same, key)
