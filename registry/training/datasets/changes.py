"""Changing datasets: new versions by import or by another division, who may see them, their end."""

import contextlib
import secrets
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import get_args

from registry.access import Action, Actor, require
from registry.access.live import Live
from registry.access.trail import trace, trace_alone
from registry.errors import Conflict, InvalidInput, RegistryError, StorageUnavailable
from registry.jobs.dataset_uses import uses_of
from registry.mlflow_file import AccessLevel
from registry.models.names import check_name
from registry.models.quarantine import Quarantine, check_room
from registry.records import Database, DatasetRecord, DatasetVersion, utc_now
from registry.records import datasets as records
from registry.settings import Settings
from registry.storage.walk import files_below
from registry.training.datasets import annotations, problems
from registry.training.datasets.catalogue import DATASET_NAME, Datasets, target_of
from registry.training.datasets.growing import LabelledPicture, grown
from registry.training.datasets.intake import Progress, Wanted, take_in
from registry.training.datasets.keeping import TRY_AGAIN, Base, NothingNewError, check_task, keep
from registry.training.datasets.leaks import with_alike, with_held_out
from registry.training.datasets.limits import MIB, ImportLimits
from registry.training.datasets.plan import SplitPlan
from registry.training.datasets.problems import Findings, ImportReport
from registry.training.datasets.sample import Dataset
from registry.training.datasets.splitting import divide, keep_test
from registry.training.datasets.statistics import statistics_of

LONGEST_TEXT = 400
_IN_THE_MAKING = timedelta(minutes=2)  # a number taken longer ago belongs to a version that never came to be


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What is asked of an import: the dataset's name, what its source is, and what to do with its splits.

    `access_level` and `description` count for a dataset that is new. With `split` the samples are divided anew;
    without it the splits come from the source, but for the test of the parent, which stays unless `new_test`.
    """

    name: str
    wanted: Wanted = field(default_factory=Wanted)
    description: str = ""
    access_level: AccessLevel = "authenticated"
    note: str = ""
    split: SplitPlan | None = None
    new_test: bool = False
    job_id: str | None = None  # of the job that imports it


class DatasetChanges:
    """Changes under the permission table, each with its row in the trail."""

    def __init__(self, settings: Settings, database: Database, live: Live, datasets: Datasets) -> None:
        self._database = database
        self._live = live
        self._datasets = datasets
        self._workspace = datasets.workspace
        self._quarantine = Quarantine(settings, live)

    def check(self, actor: Actor, new: NewVersion) -> None:
        """Raise what `add` would that can be known without the source."""
        self._check(actor, new)

    def receive(
        self, actor: Actor, chunks: Iterable[bytes], new: NewVersion, progress: Progress = lambda _done, _total: None
    ) -> tuple[DatasetVersion, ImportReport]:
        """Import a zip archive that arrives piece by piece. Raises as `add` does, and UploadTooLarge."""
        self._check(actor, new)
        received = self._quarantine.receive(chunks)
        try:
            return self.add(actor, received.path, new, progress)
        finally:
            self._quarantine.discard(received.id)

    def add(
        self, actor: Actor, source: Path, new: NewVersion, progress: Progress = lambda _done, _total: None
    ) -> tuple[DatasetVersion, ImportReport]:
        """Import a zip archive or a folder as a new dataset, or as the next version of one that is there.

        Where it holds what the newest version does, that one is given, and the report says so in `equals_version`.
        Raises Forbidden, InvalidInput, InvalidDataset, StorageUnavailable; nothing half-made stays behind.
        """
        record = self._check(actor, new)
        staging = self._workspace.staging(secrets.token_hex(8))
        live = self._live.current()
        limits = ImportLimits(image_bytes=live.image_max_mb * MIB, image_pixels=live.image_max_pixels)
        try:
            dataset, report = take_in(source, staging, new.wanted, limits, progress)
            if record is not None:
                check_task(record, dataset.task)
            dataset, report = self._divided(actor, record, dataset, report, new)
            version, is_new = self._keep(actor, record, new, dataset, report, staging)
        except RegistryError as error:
            details = {"reason": error.message[:300]}
            with contextlib.suppress(RegistryError):
                trace_alone(self._database, actor, "dataset.import", f"dataset:{new.name}", details, "failed")
            raise
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        return version, report if is_new else report.model_copy(update={"equals_version": version.number})

    def split(self, actor: Actor, name: str, plan: SplitPlan, number: int | None = None) -> DatasetVersion:
        """Divide a version anew, as the next version; the test it has stays. Raises as `add` does."""
        record = self._datasets.record(actor, name, Action.CHANGE_DATASET)
        base = self._datasets.version(actor, name, number)
        opened = self._datasets.open(actor, name, base.number)
        division = divide(opened.dataset, plan, _test_of(opened.dataset))
        staging = self._workspace.staging(secrets.token_hex(8))
        try:
            self._workspace.stage(name, base.number, staging)
            dataset = replace(opened.dataset, samples=division.samples)
            report = with_held_out(opened.report or _no_report(dataset), division.held_out)
            note = f"divided by {plan.by}, seed {plan.seed}"
            new = NewVersion(name, note=note)
            return self._keep(actor, record, new, dataset, report, staging, Base(base.number))[0]
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def extend(self, actor: Actor, name: str, picture: LabelledPicture, note: str = "") -> DatasetVersion:
        """The next version of a dataset, or the first of a new one: what it held and one more picture.

        Raises as `add` and `grown` do; Conflict while somebody else makes a version of it.
        """
        new = NewVersion(name, note=note)
        record = self._check(actor, new)
        live = self._live.current()
        limits = ImportLimits(image_bytes=live.image_max_mb * MIB, image_pixels=live.image_max_pixels)
        staging = self._workspace.staging(secrets.token_hex(8))
        try:
            if record is None:
                after = grown(None, picture, staging, limits)
                return self._keep(actor, record, new, after, _no_report(after), staging)[0]
            base = self._datasets.version(actor, name)
            if record.latest_version > base.number and utc_now() - record.updated_at < _IN_THE_MAKING:
                raise Conflict(f"a version of dataset {name!r} is being made just now", hint=TRY_AGAIN)
            opened = self._datasets.open(actor, name, base.number)
            check_room(staging.parent, len(picture.image) + (opened.folder / annotations.FILE).stat().st_size)
            self._workspace.stage(name, base.number, staging)
            after = grown(opened.dataset, picture, staging, limits)
            report = opened.report or _no_report(after)
            following = Base(base.number, record.latest_version + 1)
            return self._keep(actor, record, new, after, report, staging, following)[0]
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def update(
        self, actor: Actor, name: str, *, description: str | None = None, access_level: AccessLevel | None = None
    ) -> None:
        """Change the description or who may see the dataset; None leaves it. Raises Forbidden, InvalidInput."""
        record = self._datasets.record(actor, name, Action.CHANGE_DATASET)
        after = {"description": description, "access_level": access_level}
        after = {key: value for key, value in after.items() if value is not None}
        _check_texts(description or "", access_level or "authenticated")
        with self._database.write() as session:
            before = {key: getattr(record, key) for key in after}
            for key, value in {**after, "updated_at": utc_now()}.items():
                setattr(record, key, value)
            session.add(record)
            trace(session, actor, "dataset.update", f"dataset:{name}", {"before": before, "after": after})

    def delete(self, actor: Actor, name: str) -> None:
        """Remove a dataset with all its versions from this platform; copies in the remote stay.

        Raises Forbidden, Conflict while a job or a schedule uses it.
        """
        record = self._datasets.record(actor, name, Action.DELETE_DATASET)
        with self._database.write() as session:
            _check_unused(name, uses_of(session, name))
            records.remove(session, record)
            details = {"versions": record.latest_version, "owner": record.owner_name}
            trace(session, actor, "dataset.delete", f"dataset:{name}", details)
        self._workspace.forget(name, lambda: self._counting(name))

    def _counting(self, name: str) -> list[int]:
        """The numbers of the versions that a dataset of that name has by now."""
        with self._database.read() as session:
            record = records.by_name(session, name)
            return [each.number for each in records.versions(session, record.id)] if record else []

    def push(self, actor: Actor, name: str, number: int | None = None) -> DatasetVersion:
        """Copy a version to the remote. Raises Forbidden, StorageUnavailable."""
        self._datasets.record(actor, name, Action.CHANGE_DATASET)
        version = self._datasets.version(actor, name, number)
        self._datasets.open(actor, name, version.number)
        self._workspace.push(name, version.number)
        with self._database.write() as session:
            version.pushed_at = utc_now()
            session.add(version)
            trace(session, actor, "dataset.push", f"dataset:{name}", {"version": version.number})
        return version

    def _check(self, actor: Actor, new: NewVersion) -> DatasetRecord | None:
        """What can be refused before anything is read; the dataset's record, None for a new one."""
        check_name(new.name, DATASET_NAME)
        _check_texts(new.description, new.access_level)
        _check_texts(new.note, new.access_level)
        require(actor, Action.ADD_DATASET)
        with self._database.read() as session:
            record = records.by_name(session, new.name)
            has_versions = record is not None and records.versions(session, record.id)
        if record is not None:
            require(actor, Action.CHANGE_DATASET, target_of(record))
        self._workspace.check()
        return record if has_versions else None

    def _divided(
        self, actor: Actor, record: DatasetRecord | None, dataset: Dataset, report: ImportReport, new: NewVersion
    ) -> tuple[Dataset, ImportReport]:
        """The samples with the splits that were asked for, the parent's test kept; what equals the parent as it is."""
        fixed: frozenset[str] = frozenset()
        if record is not None and not new.new_test:
            newest = self._datasets.open(actor, new.name).dataset
            fixed = frozenset() if new.split is None and newest == dataset else _test_of(newest)
        if new.split is None and not fixed:
            return dataset, with_alike(report, dataset.samples)
        division = divide(dataset, new.split, fixed) if new.split else keep_test(dataset, fixed)
        report = with_held_out(report, division.held_out)
        if new.split is None:
            report = with_alike(report, division.samples)
        return replace(dataset, samples=division.samples), report

    def _keep(
        self,
        actor: Actor,
        record: DatasetRecord | None,
        new: NewVersion,
        dataset: Dataset,
        report: ImportReport,
        staging: Path,
        base: Base | None = None,
    ) -> tuple[DatasetVersion, bool]:
        """Write what is final about the folder, then let it count; gives the version, and whether it is new."""
        sha256 = annotations.write(staging, dataset)
        (staging / problems.FILE).write_text(report.model_dump_json(), encoding="utf-8")
        figures = statistics_of(dataset)
        version = DatasetVersion(
            dataset_id="",
            number=0,
            parent=base.number if base else self._datasets.version(actor, new.name).number if record else None,
            note=new.note,
            sha256=sha256,
            pointer="",
            images=figures.images,
            objects=figures.objects,
            size_bytes=sum(about.st_size for _, about in files_below(staging)),
            problems=sum(report.counts.values()),
            classes=list(dataset.classes),
            splits=figures.images_by_split,
            created_by=actor.name,
            job_id=new.job_id,
        )
        wanted = DatasetRecord(
            name=new.name,
            task=dataset.task.value,
            description=new.description,
            access_level=new.access_level,
            owner_id=actor.id,
            owner_name=actor.name,
        )
        try:
            keep(self._database, self._workspace, actor, wanted, version, staging=staging, base=base)
        except NothingNewError as same:
            return same.version, False
        if self._workspace.is_shared:
            with contextlib.suppress(StorageUnavailable):  # it is kept here, and `push` sends it later
                return self.push(actor, new.name, version.number), True
        return version, True


def _check_unused(name: str, using: Sequence[str]) -> None:
    if using:
        raise Conflict(
            f"dataset {name!r} is in use: {', '.join(using[:5])}",
            hint="Cancel the job, or delete, pause or change the schedule, first.",
            details={"uses": list(using[:50])},
        )


def _test_of(dataset: Dataset) -> frozenset[str]:
    return frozenset(sample.sha256 for sample in dataset.samples if sample.split == "test")


def _no_report(dataset: Dataset) -> ImportReport:
    objects = sum(len(sample.class_ids) for sample in dataset.samples)
    return Findings().report("", dataset.task, len(dataset.samples), objects)


def _check_texts(text: str, access_level: str) -> None:
    if len(text) > LONGEST_TEXT:
        raise InvalidInput(f"a description or note has at most {LONGEST_TEXT} characters, not {len(text)}")
    if access_level not in get_args(AccessLevel):
        raise InvalidInput(f"{access_level[:40]!r} is no access level: {', '.join(get_args(AccessLevel))}")
