"""An import of a dataset as a job: who sent the archive may leave, and a run that is killed is done again, once."""

import zipfile
from collections.abc import Iterable
from functools import partial
from typing import cast

from registry.access import Actor
from registry.errors import InvalidArchive
from registry.jobs.dataset_parameters import ImportParameters
from registry.jobs.files import JobFiles
from registry.jobs.jobs import Jobs
from registry.jobs.kinds import IMPORT
from registry.jobs.rooms import JobRooms
from registry.jobs.running import JobRun, Result
from registry.records import DatasetVersion, Job, new_id
from registry.records import datasets as records
from registry.training.datasets.catalogue import Datasets
from registry.training.datasets.changes import DatasetChanges, NewVersion
from registry.training.datasets.intake import Wanted
from registry.training.datasets.plan import plan_from
from registry.training.datasets.problems import FILE as REPORT
from registry.training.datasets.problems import ImportReport
from registry.training.datasets.sample import DatasetTask
from registry.training.datasets.workspace import Workspace

_ARCHIVE = "archive.zip"
_LONGEST_NAME = 200
_CHUNK_BYTES = 1 << 20


class Imports:
    """The way in for datasets that a job imports."""

    def __init__(self, jobs: Jobs, changes: DatasetChanges) -> None:
        self._jobs, self._changes = jobs, changes

    def start(self, actor: Actor, file: str, chunks: Iterable[bytes], new: NewVersion) -> Job:
        """Keep the zip archive that arrives, whose chunks bound its size, and queue its import.

        Raises Forbidden, InvalidInput, TooManyRequests before anything is read; InvalidArchive for what is no zip
        archive, StorageUnavailable.
        """
        self._changes.check(actor, new)
        self._jobs.check_room(actor)
        parameters = _parameters(file, new)
        files = JobFiles(self._jobs.storage, new_id())
        try:
            _keep(files, chunks)
            return self._jobs.start(actor, IMPORT.name, parameters, job_id=files.job_id)
        except BaseException:  # also when the sender goes away half-way
            files.clear("input")
            raise


def import_as_job(run: JobRun, rooms: JobRooms) -> Result:
    """Import the archive: one version, whatever is killed when; its report is the job's result.

    Raises as `DatasetChanges.add`.
    """
    given = ImportParameters.model_validate(run.parameters)
    datasets = Datasets(rooms.database, Workspace(rooms.settings))
    with rooms.database.read() as session:
        version = records.made_by(session, run.job_id)  # by a run that was killed before it could say so
    if version is None:
        version, report = _imported(run, rooms, datasets, _new_version(given, run.job_id))
    else:
        report = cast(ImportReport, datasets.open(run.owner(), given.name, version.number).report)  # imports have one
    key = f"{run.ticket}/{REPORT}"
    size = run.files.put("results", key, report.model_dump_json().encode())
    files = [{"name": REPORT, "key": key, "size_bytes": size}]
    about = {"dataset": given.name, "version": version.number, "problems": version.problems}
    about["is_new"] = report.equals_version is None
    return {**about, "images": version.images, "objects": version.objects, "files": files}


def _imported(run: JobRun, rooms: JobRooms, datasets: Datasets, new: NewVersion) -> tuple[DatasetVersion, ImportReport]:
    changes = DatasetChanges(rooms.settings, rooms.database, rooms.live, datasets)

    def tell(done: int, total: int) -> None:
        run.progress(done, total, "looking at pictures" if done < total else "keeping them")
        run.check()

    with run.files.open("input", _ARCHIVE) as archive:
        return changes.receive(run.owner(), iter(partial(archive.read, _CHUNK_BYTES), b""), new, tell)


def _keep(files: JobFiles, chunks: Iterable[bytes]) -> None:
    files.put("input", _ARCHIVE, chunks)
    with files.open_in_parts("input", _ARCHIVE) as archive:
        if not zipfile.is_zipfile(archive):
            raise InvalidArchive("what was sent is no zip archive", hint="Pack the dataset's folder as a .zip.")


def _parameters(file: str, new: NewVersion) -> ImportParameters:
    return ImportParameters(
        name=new.name,
        file=file[:_LONGEST_NAME],
        format=new.wanted.format,
        task=new.wanted.task,
        description=new.description,
        access_level=new.access_level,
        note=new.note,
        split=new.split.model_dump() if new.split else None,
        new_test=new.new_test,
    )


def _new_version(given: ImportParameters, job_id: str) -> NewVersion:
    return NewVersion(
        given.name,
        Wanted(given.format, DatasetTask(given.task) if given.task else None),
        given.description,
        given.access_level,
        given.note,
        plan_from(given.split) if given.split else None,
        given.new_test,
        job_id,
    )
