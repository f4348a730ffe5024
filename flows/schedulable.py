"""What schedules can start: a kind of job each, with what a schedule of it holds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from registry.access import Action, Actor
from registry.jobs.batches import Asked, Batches
from registry.jobs.care_parameters import BackupParameters, CleanParameters
from registry.jobs.caring import Caring
from registry.jobs.schedules import Startable
from registry.jobs.tuning_parameters import FORMS, Bound, Form, OptimiseParameters, TuneParameters
from registry.models.serving import Thresholds
from registry.records import Job
from registry.tuning.measuring import Measuring


class _OfModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(max_length=63, description="the registered name")
    alias: str | None = Field(None, max_length=31, description="the alias that is meant each time; empty: champion")


class BatchSchedule(_OfModel):
    """A batch over a folder on the server; a folder that is as it was the last time is not answered again."""

    folder: str = Field(max_length=1_000, description="a folder on the server that batches may read")
    confidence: float | None = Field(None, ge=0, le=1, description="empty: from the model's card")
    annotate: bool = Field(False, description="also make annotated pictures")


class _Measured(_OfModel):
    dataset: str = Field(max_length=80, description="`starter`, or a dataset as name (its newest) or name/version")
    bound: Bound = Field(0.01, description="accuracy that may be lost, a share")


class OptimiseSchedule(_Measured):
    """An optimisation of whichever version the alias names then."""

    forms: tuple[Form, ...] = Field(FORMS, min_length=1, max_length=len(FORMS), description="what to try")
    faster_percent: float = Field(10.0, ge=0, le=1_000, description="at least so much faster")
    repeats: int = Field(15, ge=5, le=200, description="alternating rounds")


class TuneSchedule(_Measured):
    """A tune of whichever version the alias names then."""

    minutes: float = Field(5.0, ge=0.1, le=240, description="about how long it may measure")
    goal: Literal["latency", "throughput"] = Field("latency", description="latency or throughput")


@dataclass(frozen=True, slots=True)
class _Batch:
    batches: Batches
    parameters: type[BaseModel] = BatchSchedule
    actions: Sequence[Action] = (Action.START_JOB, Action.PREDICT, Action.READ_FOLDER)

    def check(self, actor: Actor, given: BatchSchedule) -> None:
        """See `Startable`."""
        self.batches.check_folder(actor, _asked(given), given.folder)

    def start(self, actor: Actor, given: BatchSchedule, key: str) -> Job:
        """See `Startable`: the images decide which batch it is, so that the same ones are not answered again."""
        return self.batches.start_folder(actor, _asked(given), given.folder)


@dataclass(frozen=True, slots=True)
class _Measurement:
    """An optimisation or a tune: `parameters` of the schedule become `whole` with the version meant that day."""

    measuring: Measuring
    parameters: type[BaseModel]
    whole: type[OptimiseParameters | TuneParameters]
    begin: Callable[[Actor, Any, str], Job]
    actions: Sequence[Action] = (Action.START_JOB, Action.CHANGE_MODEL)

    def check(self, actor: Actor, given: _Measured) -> None:
        """See `Startable`."""
        self.measuring.check(actor, self._wanted(actor, given))

    def start(self, actor: Actor, given: _Measured, key: str) -> Job:
        """See `Startable`."""
        return self.begin(actor, self._wanted(actor, given), key)

    def _wanted(self, actor: Actor, given: _Measured) -> Any:
        version = self.measuring.version(actor, given.model, alias=given.alias)
        return self.whole(version=version.version, **given.model_dump(exclude={"alias"}))


@dataclass(frozen=True, slots=True)
class _Care:
    """A clean-up or a backup."""

    caring: Caring
    parameters: type[BaseModel]
    begin: Callable[[Actor, Any, str], Job]
    actions: Sequence[Action] = (Action.START_JOB, Action.CARE_FOR_PLATFORM)

    def check(self, actor: Actor, given: BaseModel) -> None:
        """See `Startable`."""
        self.caring.check(actor)

    def start(self, actor: Actor, given: BaseModel, key: str) -> Job:
        """See `Startable`."""
        return self.begin(actor, given, key)


def schedulable(batches: Batches, measuring: Measuring, caring: Caring) -> Mapping[str, Startable]:
    """Every kind that a schedule can start, by its name."""
    return {
        "batch": _Batch(batches),
        "optimise": _Measurement(measuring, OptimiseSchedule, OptimiseParameters, measuring.optimise),
        "tune": _Measurement(measuring, TuneSchedule, TuneParameters, measuring.tune),
        "clean": _Care(caring, CleanParameters, caring.clean),
        "backup": _Care(caring, BackupParameters, caring.back_up),
    }


def _asked(given: BatchSchedule) -> Asked:
    return Asked(given.model, None, given.alias, Thresholds(given.confidence), given.annotate)
