"""Jobs for notebooks: analyse a video, care, find a job, list them. Heavy imports wait until a call needs them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import pandas as pd
    from pydantic import BaseModel

    from registry.jobs.caring import Caring
    from registry.jobs.handle import JobHandle
    from registry.jobs.jobs import Jobs
    from registry.jobs.video.videos import Asked, Videos
    from registry.models.registry import ModelRegistry
    from registry.records import Job

P = TypeVar("P", bound="BaseModel")


def submit_video(  # noqa: PLR0913 - what one may ask
    model: str,
    video: str | Path = "",
    *,
    path: str = "",
    camera: str = "",
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    confidence: float | None = None,
    iou: float | None = None,
    every: int = 1,
    fps: float | None = None,
    track: bool = True,
    annotate: bool = True,
    zones: Mapping[str, Sequence[tuple[float, float]]] | None = None,
    lines: Mapping[str, Sequence[tuple[float, float]]] | None = None,
) -> JobHandle:
    """Analyse a video with a model (named as `nx.load` takes it) in the platform's runner.

    `video` is a file, which is copied; `path` one below NEXUSAI_BATCH_FOLDERS, read in place; `camera` the name or id
    of one, for what it recorded between `since` and `until` (aware, or texts in UTC such as `2026-11-27 08:00`).
    `zones` are corners and `lines` two ends by name, from 0 to 1 from the top left.
    Raises InvalidInput, InvalidVideo, InvalidZone, NotFound in its forms, Forbidden, Conflict, TooManyRequests.
    """
    from registry.access.actor import local_actor
    from registry.errors import InvalidInput
    from registry.jobs.video.places import places_of
    from registry.jobs.video.videos import Asked
    from registry.models.quarantine import chunks_of
    from registry.models.reference import Reference
    from registry.models.thresholds import Thresholds

    if [bool(video), bool(path), bool(camera)].count(True) != 1:
        raise InvalidInput("give either a video or the path of one on the server, or a camera")
    wanted = Reference.parse(model)
    about = places_of(zones or {}, lines or {}, every=every, fps=fps, track=track, annotate=annotate)
    asked = Asked(wanted.name, wanted.version, wanted.alias, Thresholds(confidence, iou), about)
    if path:
        return job(rooms()[1].start_path(local_actor(), asked, path).id)
    if camera:
        return job(_start_camera(asked, camera, since, until).id)
    file = Path(video)
    if not file.is_file():
        raise InvalidInput(f"{file} is not a file")
    with file.open("rb") as opened:
        made = rooms()[1].start_upload(local_actor(), asked, file.name, chunks_of(opened, 1 << 20))
    return job(made.id)


def _start_camera(asked: Asked, camera: str, since: datetime | str | None, until: datetime | str | None) -> Job:
    from registry.access.actor import local_actor
    from registry.cameras.notebook import camera_id_of, moment_of
    from registry.errors import InvalidInput
    from registry.jobs.video.videos import Stretch
    from registry.recordings.library import Recordings

    begin, end = moment_of(since), moment_of(until)
    if begin is None or end is None:
        raise InvalidInput("of a camera say since when and until when")
    jobs, videos, models = rooms()
    recordings = Recordings(models.settings, models.live, jobs.database, jobs.storage)
    return videos.start_camera(local_actor(), asked, recordings, Stretch(camera_id_of(camera), begin, end))


def clean(*, dry_run: bool = True, job_days: int = 30, history_days: int = 90) -> JobHandle:
    """Count what is old in the platform's runner; with `dry_run=False` remove it.

    Raises Forbidden, InvalidInput, TooManyRequests, Conflict where a clean-up has not ended yet.
    """
    from registry.access.actor import local_actor
    from registry.jobs.care_parameters import CleanParameters

    wanted = _checked(CleanParameters, dry_run=dry_run, job_days=job_days, history_days=history_days)
    return job(_caring().clean(local_actor(), wanted).id)


def backup(keep: int = 7) -> JobHandle:
    """Copy the records and MLflow's database into the storage, in the platform's runner; so many are kept.

    Raises Forbidden, InvalidInput, TooManyRequests.
    """
    from registry.access.actor import local_actor
    from registry.jobs.care_parameters import BackupParameters

    return job(_caring().back_up(local_actor(), _checked(BackupParameters, keep=keep)).id)


def job(job_id: str) -> JobHandle:
    """A job by its id. Raises JobNotFound."""
    from registry.access.actor import local_actor
    from registry.jobs.handle import JobHandle

    jobs = rooms()[0]
    return JobHandle(jobs.get(local_actor(), job_id).id, local_actor(), jobs)


def list_jobs(kind: str = "", state: str = "", newest: int = 100) -> pd.DataFrame:
    """The newest jobs."""
    import pandas as pd

    from registry.access.actor import local_actor

    jobs = rooms()[0]
    runner = jobs.runner()
    found, _ = jobs.page(local_actor(), kind=kind, state=state, size=newest)
    columns = ["id", "kind", "state", "done", "total", "seconds_left", "owner", "created_at", "finished_at"]
    return pd.DataFrame([jobs.to_dict(each, runner) for each in found], columns=columns)


def _checked(parameters: type[P], **given: int) -> P:
    """Parameters by their names. Raises InvalidInput naming the first wrong one."""
    from pydantic import ValidationError

    from registry.errors import InvalidInput
    from registry.validation import first_problem

    try:
        return parameters(**given)
    except ValidationError as error:
        raise InvalidInput(str(first_problem(error))) from error


def _caring() -> Caring:
    from registry.jobs.caring import Caring

    return Caring(rooms()[0])


@cache
def rooms() -> tuple[Jobs, Videos, ModelRegistry]:
    """The rooms of this process, opened once."""
    from registry.jobs.jobs import Jobs
    from registry.jobs.video.videos import Videos
    from registry.libraries import prepare_libraries
    from registry.models.registry import ModelRegistry
    from registry.records import open_database
    from registry.settings import load_settings
    from registry.storage import open_storage

    prepare_libraries()
    settings = load_settings()
    settings.prepare_home()
    database = open_database(settings.records_url)
    jobs = Jobs(database, open_storage(settings.storage_root, settings.storage_endpoint))
    models = ModelRegistry(settings, database)
    return jobs, Videos(jobs, models), models
