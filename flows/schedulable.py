"""What schedules can start: a kind of job each, with what a schedule of it holds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from registry.access import Action, Actor
from registry.jobs.batches import Asked, Batches
from registry.jobs.care_parameters import BackupParameters, CleanParameters
from registry.jobs.caring import Caring
from registry.jobs.jobs import Jobs
from registry.jobs.schedules import Startable
from registry.jobs.train_parameters import Augment, Recipe
from registry.jobs.tuning_parameters import CLASS_BOUND, FORMS, Bound, Form, OptimiseParameters, TuneParameters
from registry.jobs.video import videos as video
from registry.jobs.video.parameters import VideoAsked
from registry.models.registry import ModelRegistry
from registry.models.thresholds import Thresholds
from registry.recordings.library import Recordings
from registry.records import Job, utc_now
from registry.training.datasets.catalogue import Datasets
from registry.training.datasets.images import images_of
from registry.training.finetune.start import TrainingAsked, Trainings
from registry.tuning.measuring import Measuring

_LONGEST_H = 24.0
_WRITTEN = timedelta(minutes=1)  # later a recording lasts until it is decided whether it stays, and is written down


class _OfModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(max_length=63, description="the registered name")
    alias: str | None = Field(None, max_length=31, description="the alias that is meant each time; empty: champion")


class BatchSchedule(_OfModel):
    """A batch over a folder or a dataset; what is as it was the last time is not answered again."""

    folder: str = Field("", max_length=1_000, description="a folder on the server that batches may read")
    dataset: str = Field("", max_length=80, description="instead: a dataset as name (its newest) or name/version")
    confidence: float | None = Field(None, ge=0, le=1, description="empty: from the model's card")
    annotate: bool = Field(False, description="also make annotated pictures")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.folder) == bool(self.dataset):
            raise ValueError("a batch is of either a folder or a dataset")
        return self


class VideoSchedule(_OfModel):
    """The analysis of a file on the server, again whenever it is another, or of what a camera recorded last."""

    path: str = Field("", max_length=1_000, description="a video on the server that jobs may read")
    camera: str = Field("", max_length=32, description="instead: a camera by its id")
    hours: float | None = Field(
        None, gt=0, le=24, description="of the camera's recordings: the last so many; empty: since the last time"
    )
    confidence: float | None = Field(None, ge=0, le=1, description="empty: from the model's card")
    every: int = Field(1, ge=1, le=1_000, description="look at each so-many-th picture")
    track: bool = Field(True, description="follow things from picture to picture")
    annotate: bool = Field(True, description="also make the annotated film")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.path) == bool(self.camera):
            raise ValueError("a video is either a file on the server or what a camera recorded")
        return self


class TrainSchedule(_OfModel):
    """A training on whichever version of the dataset is the newest then; on the same data it is not done again."""

    dataset: str = Field(max_length=80, description="a dataset by its name")
    epochs: int = Field(20, ge=1, le=1_000, description="passes over the training split, at most")
    patience: int = Field(10, ge=0, le=1_000, description="epochs without a better one after which it ends; 0: never")
    augment: Augment = Field("light", description="none, light or strong")
    new_classes: bool = Field(False, description="whether the model's classes may change")


class _Measured(_OfModel):
    dataset: str = Field(max_length=80, description="`starter`, or a dataset as name (its newest) or name/version")
    bound: Bound = Field(0.01, description="accuracy that may be lost, a share")


class OptimiseSchedule(_Measured):
    """An optimisation of whichever version the alias names then."""

    forms: tuple[Form, ...] = Field(FORMS, min_length=1, max_length=len(FORMS), description="what to try")
    faster_percent: float = Field(10.0, ge=0, le=1_000, description="at least so much faster")
    class_bound: Bound = Field(CLASS_BOUND, description="accuracy that any one class may lose, a share")
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
        if given.dataset:
            self.batches.check_dataset(actor, _asked(given), given.dataset)
        else:
            self.batches.check_folder(actor, _asked(given), given.folder)

    def start(self, actor: Actor, given: BatchSchedule, key: str, last_at: datetime | None) -> Job:
        """See `Startable`: the images decide which batch it is, so that the same ones are not answered again."""
        if given.dataset:
            return self.batches.start_dataset(actor, _asked(given), given.dataset)
        return self.batches.start_folder(actor, _asked(given), given.folder)


@dataclass(frozen=True, slots=True)
class _Video:
    videos: video.Videos
    recordings: Recordings
    parameters: type[BaseModel] = VideoSchedule
    actions: Sequence[Action] = (Action.START_JOB, Action.PREDICT, Action.READ_FOLDER, Action.EXPORT_RECORDING)

    def check(self, actor: Actor, given: VideoSchedule) -> None:
        """See `Startable`."""
        if given.path:
            self.videos.check_path(actor, _film(given), given.path)
            return
        last = _last(given, None)
        self.videos.check(actor, _film(given))
        self.recordings.check_film(actor, last.camera_id, last.since, last.until)

    def start(self, actor: Actor, given: VideoSchedule, key: str, last_at: datetime | None) -> Job:
        """See `Startable`: a file that is as it was is not looked at again."""
        if given.path:
            return self.videos.start_path(actor, _film(given), given.path)
        return self.videos.start_camera(actor, _film(given), self.recordings, _last(given, last_at), key)


@dataclass(frozen=True, slots=True)
class _Training:
    trainings: Trainings
    parameters: type[BaseModel] = TrainSchedule
    actions: Sequence[Action] = (Action.START_JOB, Action.PUBLISH_MODEL)

    def check(self, actor: Actor, given: TrainSchedule) -> None:
        """See `Startable`."""
        self.trainings.parameters(actor, _lesson(given))

    def start(self, actor: Actor, given: TrainSchedule, key: str, last_at: datetime | None) -> Job:
        """See `Startable`: versions decide which training it is, so that the same one is not done again."""
        return self.trainings.start(actor, _lesson(given))


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

    def start(self, actor: Actor, given: _Measured, key: str, last_at: datetime | None) -> Job:
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

    def start(self, actor: Actor, given: BaseModel, key: str, last_at: datetime | None) -> Job:
        """See `Startable`."""
        return self.begin(actor, given, key)


@dataclass(frozen=True, slots=True)
class Rooms:
    """Where the jobs that schedules start have their way in."""

    batches: Batches
    videos: video.Videos
    recordings: Recordings
    measuring: Measuring
    trainings: Trainings
    caring: Caring

    @classmethod
    def over(cls, jobs: Jobs, models: ModelRegistry, datasets: Datasets, recordings: Recordings) -> Self:
        """The ways in to one platform's jobs."""
        return cls(
            Batches(jobs, models, images_of(datasets)),
            video.Videos(jobs, models),
            recordings,
            Measuring(jobs, models, datasets),
            Trainings(jobs, models, datasets),
            Caring(jobs),
        )


def schedulable(rooms: Rooms) -> Mapping[str, Startable]:
    """Every kind that a schedule can start, by its name."""
    measuring, caring = rooms.measuring, rooms.caring
    return {
        "batch": _Batch(rooms.batches),
        "video": _Video(rooms.videos, rooms.recordings),
        "train": _Training(rooms.trainings),
        "optimise": _Measurement(measuring, OptimiseSchedule, OptimiseParameters, measuring.optimise),
        "tune": _Measurement(measuring, TuneSchedule, TuneParameters, measuring.tune),
        "clean": _Care(caring, CleanParameters, caring.clean),
        "backup": _Care(caring, BackupParameters, caring.back_up),
    }


def _asked(given: BatchSchedule) -> Asked:
    return Asked(given.model, None, given.alias, Thresholds(given.confidence), given.annotate)


def _film(given: VideoSchedule) -> video.Asked:
    about = VideoAsked(every=given.every, track=given.track, annotate=given.annotate)
    return video.Asked(given.model, None, given.alias, Thresholds(given.confidence), about)


def _last(given: VideoSchedule, last_at: datetime | None) -> video.Stretch:
    """What is recorded, decided and written down by now, from where the last time ended or so many hours long."""
    until = utc_now() - _WRITTEN
    since = until - timedelta(hours=given.hours or _LONGEST_H)
    if given.hours is None and last_at is not None:
        since = max(since, last_at - _WRITTEN)
    return video.Stretch(given.camera, since, until)


def _lesson(given: TrainSchedule) -> TrainingAsked:
    recipe = Recipe(epochs=given.epochs, patience=given.patience, augment=given.augment)
    return TrainingAsked(
        given.model, given.dataset, from_alias=given.alias, new_classes=given.new_classes, recipe=recipe
    )
