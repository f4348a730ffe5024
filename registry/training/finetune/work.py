"""The work of a training job: data, search, epochs, conversion, test split, new version."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from registry.access import Actor
from registry.errors import InvalidModel, NotFound, RegistryError, Unavailable
from registry.jobs.beside import beside
from registry.jobs.rooms import JobRooms
from registry.jobs.running import JobCancelled, JobLost, JobRun, Result
from registry.jobs.train_parameters import TrainParameters
from registry.models.files import CHECKPOINT
from registry.models.types import ModelVersion
from registry.runtime.card import MODEL_FILE, ModelCard, Thresholds
from registry.runtime.loading import load
from registry.runtime.proven_file import ProvenFile
from registry.runtime.vision_model import VisionModel
from registry.training.datasets.catalogue import Datasets
from registry.training.datasets.version import OpenVersion
from registry.training.datasets.workspace import Workspace
from registry.training.finetune import candidate as candidates
from registry.training.finetune import data_folder, fitting, report
from registry.training.finetune.kept import Kept
from registry.training.finetune.learning import Bench, learn, scratch_folder
from registry.training.finetune.measuring import Measured, TestSplit, measure
from registry.training.finetune.search import read_trials, search, trial_epochs
from registry.training.finetune.start_weights import check_isolation, unpack_checkpoint
from registry.training.finetune.tracking import Tracking
from registry.training.finetune.yolo_child import EpochReport

WEIGHTS = "weights.safetensors"
BEST_KEPT = "best.pt"
DEFAULT_SIZE_PX = 640
HEADLINES = {"detect": "mAP50", "segment": "mask mAP50", "classify": "accuracy"}


def fine_tune(run: JobRun, rooms: JobRooms) -> Result:
    """Train as the job says and publish a new version; cancelled, what was learnt until then.

    Raises NotFound in its forms, Forbidden, InvalidDataset, InvalidModel, TrainingFailed, Conflict, Unavailable.
    """
    plan = TrainParameters.model_validate(run.parameters)
    tracking = Tracking(rooms.models, run, plan)
    tracking.begin()
    run.beat()  # with the link to MLflow
    try:
        with scratch_folder(rooms.settings, run) as folder:
            return _Training(run, rooms, plan, tracking, folder).go()
    except (JobLost, Unavailable):  # another run goes on with it
        raise
    except JobCancelled:
        tracking.finish("KILLED", {}, {}, None)
        raise
    except Exception as error:
        reason = error.message if isinstance(error, RegistryError) else "something unforeseen, which the log names"
        tracking.finish("FAILED", {}, {"nexusai.problem": reason[:500]}, None)
        raise


class _Training:
    """One run of a training job."""

    def __init__(self, run: JobRun, rooms: JobRooms, plan: TrainParameters, tracking: Tracking, folder: Path) -> None:
        self._run, self._rooms, self._plan, self._tracking, self._folder = run, rooms, plan, tracking, folder
        self._kept = Kept(run.files)
        self._before = plan.search_trials * trial_epochs(plan) if plan.search_minutes else 0
        self._report = folder / "report"
        self._report.mkdir()

    def go(self) -> Result:
        check_isolation()
        owner = self._run.owner()
        try:
            return self._all(owner)
        except JobCancelled:
            return self._unfinished(owner)

    def _all(self, owner: Actor) -> Result:
        """Raises JobCancelled wherever the job is found cancelled."""
        run, plan = self._run, self._plan
        self._tell(self._before + self._kept.epoch if self._kept.epoch else 0, "getting the pictures ready")
        opened = self._open(owner)
        data_folder.copy_test(opened.folder, opened.dataset, self._folder / "test", run.check)
        parent = self._parent(owner)
        recipe = plan.recipe
        if not self._kept.trained:
            bench = self._set_up(opened, parent)
            if plan.search_minutes and not self._kept.epoch:
                recipe = search(bench, recipe, run, self._tracking, self._tell_search)
            run.check()
            learn(bench, recipe, self._kept, run, self._heard)
        run.check()
        report.write_epochs(self._report, self._kept.epochs)
        return self._finish(owner, opened, parent)

    def _open(self, owner: Actor) -> OpenVersion:
        """The dataset's version, unless it is gone or another one by now."""
        plan, datasets = self._plan, Datasets(self._rooms.database, Workspace(self._rooms.settings))
        version = datasets.version(owner, plan.dataset, plan.dataset_version)
        if version.sha256 != plan.dataset_sha256:
            raise NotFound(f"{plan.data_reference} is not the version any more that this training was asked for")
        return datasets.open(owner, plan.dataset, plan.dataset_version)

    def _parent(self, owner: Actor) -> ModelVersion | None:
        """The version to start from, unless it is gone or another one by now."""
        plan = self._plan
        name, _, number = plan.parent.partition("/")
        if not name:
            return None
        found = self._rooms.models.version(owner, name, int(number))
        if found.sha256 != plan.parent_sha256:
            raise NotFound(f"{plan.parent} is not the version any more that this training was asked for")
        return found

    def _set_up(self, opened: OpenVersion, parent: ModelVersion | None) -> Bench:
        plan, network, weights = self._plan, None, None
        if parent is not None and plan.architecture is None:
            checkpoint = self._rooms.models.files.note(parent, CHECKPOINT)
            if checkpoint is None:
                raise InvalidModel(f"{plan.parent} keeps no checkpoint to train further")
            network = beside(self._run.check, lambda: unpack_checkpoint(checkpoint, self._folder))
            weights = self._folder / WEIGHTS
        data = self._folder / "data"
        data.mkdir()
        ids = fitting.class_ids(opened.dataset, plan.labels)
        laid = data_folder.lay_out(opened.folder, opened.dataset, plan.task, ids, data, self._run.check)
        size = plan.image_size or DEFAULT_SIZE_PX
        return Bench(plan, laid, size, network, weights, self._folder, threads=len(os.sched_getaffinity(0)))

    def _heard(self, heard: EpochReport) -> None:
        headline = HEADLINES[self._plan.task]
        words = f"epoch {heard.epoch} of {heard.epochs}, {headline} {heard.figures.get(headline, 0.0):.3f}"
        self._tell(self._before + heard.epoch, words)
        self._tracking.epochs([each.figures for each in self._kept.epochs])

    def _tell(self, done: int, words: str) -> None:
        self._run.progress(done, self._before + self._plan.epochs, words)

    def _tell_search(self, done: int, words: str) -> None:
        self._tell(min(done, self._before), words)

    def _finish(self, owner: Actor, opened: OpenVersion, parent: ModelVersion | None) -> Result:
        plan, run, models = self._plan, self._run, self._rooms.models
        done = self._before + self._kept.epoch
        self._tell(done, "converting to ONNX, and comparing both")
        thresholds = parent.card.thresholds if parent else Thresholds()
        longest = self._rooms.settings.run_max_seconds
        made = candidates.export(self._kept.read_trained(), plan, run, self._folder, thresholds, longest)
        split = TestSplit(self._folder / "test", opened.dataset, fitting.class_ids(opened.dataset, plan.labels))
        measured = self._measure(self._loaded({MODEL_FILE: made.onnx}, made.card), split, done, "the new version")
        before = self._measure_parent(parent, split, done)
        made = candidates.Candidate(
            made.onnx, made.checkpoint, made.difference, made.card.model_copy(update={"metrics": measured.figures})
        )
        about = self._about(measured, before, made.difference, opened, parent)
        report.write_measured(self._report, measured, about)
        self._tell(done, "publishing")
        run.beat()  # whether this is still the run that has the job, now and not a second ago
        run.check()
        notes = {"evaluation.json": (self._report / "evaluation.json").read_bytes()}
        facts = {
            candidates.JOB_FACT: run.job_id,
            "training_run": self._tracking.run_id,
            "dataset_sha256": plan.dataset_sha256,
            "seed": str(plan.seed),
        }
        earlier = candidates.published(models, owner, run, plan)
        version = earlier or candidates.publish(models, owner, plan, made, notes, facts)
        self._tracking.epochs([each.figures for each in self._kept.epochs])
        self._tracking.finish("FINISHED", measured.figures, {"nexusai.version": version.reference}, self._report)
        files = report.store(run.files, run.ticket, self._report)
        return {**about, "model": {"name": version.name, "version": version.version}, "files": files}

    def _measure_parent(self, parent: ModelVersion | None, split: TestSplit, done: int) -> Measured | None:
        """The parent on the same pictures, where it names the same classes."""
        if parent is None or parent.card.labels != self._plan.labels:
            return None
        model = self._loaded(self._rooms.models.files.proven(parent), parent.card)
        return self._measure(model, split, done, f"its parent {parent.reference}")

    def _loaded(self, files: Mapping[str, bytes] | Mapping[str, ProvenFile], card: ModelCard) -> VisionModel:
        return load(files, card, len(os.sched_getaffinity(0)), run_seconds=self._rooms.settings.run_max_seconds)

    def _measure(self, model: Any, split: TestSplit, done: int, what: str) -> Measured:
        def check(at: int, total: int) -> None:
            self._run.check()
            self._tell(done, f"measuring {what} on the test split: {at + 1} of {total}")

        return measure(model, split, check)

    def _about(
        self,
        measured: Measured,
        before: Measured | None,
        difference: Mapping[str, float],
        opened: OpenVersion,
        parent: ModelVersion | None,
    ) -> dict[str, Any]:
        plan = self._plan
        return {
            "task": plan.task,
            "headline": HEADLINES[plan.task],
            "figures": measured.figures,
            "parent": plan.parent,
            "parent_figures": before.figures if before else None,
            "test": {"images": measured.images, "objects": measured.objects},
            "dataset": {"name": plan.dataset, "version": plan.dataset_version, "sha256": plan.dataset_sha256},
            "onnx_difference": {name: value for name, value in difference.items() if name != "outputs"},
            "remarks": fitting.remarks(opened.dataset, plan.labels, parent.card.labels if parent else None),
            **self._learnt(),
        }

    def _learnt(self) -> dict[str, Any]:
        reports = self._kept.epochs
        trials = [asdict(each) for each in read_trials(self._run.files)]
        return {
            "epochs": self._kept.epoch,
            "best_epoch": self._kept.best_epoch,
            "stopped_early": bool(reports and reports[-1].ended and reports[-1].epoch < self._plan.epochs),
            "seconds_an_epoch": round(sum(each.seconds for each in reports) / len(reports), 2) if reports else None,
            "trials": trials,
        }

    def _unfinished(self, owner: Actor) -> Result:
        """Cancelled: the best checkpoint until now and the curves; the version only where there is one already."""
        report.write_epochs(self._report, self._kept.epochs)
        best = self._kept.read_trained() if self._kept.trained else self._kept.read_best()
        if best is not None:
            (self._report / BEST_KEPT).write_bytes(best)
        (self._report / "summary.json").write_text(json.dumps(self._learnt(), indent=2) + "\n", encoding="utf-8")
        trained = self._kept.trained
        made = candidates.published(self._rooms.models, owner, self._run, self._plan) if trained else None
        if made is None:
            self._tracking.finish("KILLED", {}, {}, None)
        else:
            self._tracking.finish("FINISHED", {}, {"nexusai.version": made.reference}, None)
        files = report.store(self._run.files, self._run.ticket, self._report)
        model = {"name": made.name, "version": made.version} if made else None
        return {"task": self._plan.task, "model": model, **self._learnt(), "files": files}
