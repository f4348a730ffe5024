"""One training from its first epoch, or from where a killed run left it, to the trained network."""

import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from registry.errors import ProcessFailed, StorageUnavailable, TrainingFailed, Unavailable
from registry.jobs.running import JobRun
from registry.jobs.train_parameters import Recipe, TrainParameters
from registry.settings import Settings
from registry.training.finetune.kept import Kept
from registry.training.finetune.start_weights import Network
from registry.training.finetune.yolo_child import TRAINED, ChildJob, EpochReport
from registry.training.yolo_process import follow_child

_CHILD = "registry.training.finetune.yolo_child"
# a checkpoint of our own, yet never more than known layers are built from one; the GPU may be used
_ENVIRONMENT = {"ULTRALYTICS_SAFE_LOAD": "true"}
_LONGEST_SAID = 300
_KILLED = (-signal.SIGKILL, -signal.SIGTERM)  # by somebody else: a run may go on from the last epoch


@dataclass(frozen=True, slots=True)
class Bench:
    """What every training of a job works with: the data laid out, what it starts from, and the scratch folder."""

    plan: TrainParameters
    data: Path
    image_size: int
    network: Network | None
    weights: Path | None
    folder: Path
    threads: int

    def child_job(self, recipe: Recipe, out: Path, *, checkpoints: bool) -> ChildJob:
        """The child's order from the first epoch."""
        return ChildJob(
            task=self.plan.task,
            data=self.data,
            labels=self.plan.labels,
            image_size=self.image_size,
            recipe=recipe,
            architecture=self.network.architecture if self.network else None,
            weights=self.weights,
            out=out,
            threads=self.threads,
            checkpoints=checkpoints,
        )


@contextmanager
def scratch_folder(settings: Settings, run: JobRun) -> Iterator[Path]:
    """An empty folder for a run; what earlier runs of the job left is removed, and so is this one at the end."""
    root = settings.home / "cache" / "training"
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in root.glob(f"{run.job_id}-*"):
            shutil.rmtree(left, ignore_errors=True)
        folder = root / f"{run.job_id}-{run.ticket}"
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise StorageUnavailable(f"the training's folder could not be made: {error.strerror or error}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def learn(bench: Bench, recipe: Recipe, kept: Kept, run: JobRun, told: Callable[[EpochReport], None]) -> None:
    """Train to the end, or until the job is cancelled; afterwards `kept` has what was finished.

    `told` hears of every epoch once its checkpoint is stored. Raises TrainingFailed, StorageUnavailable, JobLost.
    """
    if kept.trained:
        return
    out = fresh(bench.folder / "out")
    job = bench.child_job(recipe, out, checkpoints=True)
    if kept.epoch:
        last, best = kept.lay_down(bench.folder)
        job = job.model_copy(update={"resume": last, "best": best})
        if kept.ended:  # only the trained network is missing
            job = job.model_copy(update={"finish": True})
    for report in reports(job, fresh(bench.folder / "child"), lambda: run.cancelled):
        kept.keep(report, out)
        told(report)
    if not run.cancelled:
        kept.keep_trained((out / TRAINED).read_bytes())


def reports(job: ChildJob, scratch: Path, stop: Callable[[], bool]) -> Iterator[EpochReport]:
    """Run the child and give each epoch it tells of. Raises TrainingFailed, StorageUnavailable, Unavailable."""
    try:
        for line in follow_child(_CHILD, job, scratch, stop, _ENVIRONMENT):
            if line.startswith('{"epoch"'):
                yield EpochReport.model_validate_json(line)
    except ProcessFailed as error:
        if "No space left" in error.message:
            raise StorageUnavailable("there is no space left for the training's files") from error
        if error.details.get("status") in _KILLED:
            raise Unavailable(
                "the training's process was killed",
                hint="Where that was for lack of memory, a smaller batch or image size needs less.",
            ) from error
        raise TrainingFailed(f"the training ended early: {_last_line(error.message)}") from error


def fresh(folder: Path) -> Path:
    """An empty folder. Raises StorageUnavailable."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise StorageUnavailable(f"the training's folder could not be made: {error.strerror or error}") from error
    return folder


def _last_line(text: str) -> str:
    """What Python says last; a killed process says nothing."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines[-1] if lines else text)[:_LONGEST_SAID]
