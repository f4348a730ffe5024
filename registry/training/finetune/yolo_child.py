"""Training with Ultralytics, in a process of its own that tells of every epoch and leaves its checkpoints."""

import json
import os
import resource
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from registry.jobs.train_parameters import Recipe

LAST, BEST, TRAINED = "last", "best", "trained.pt"
_AUGMENT: dict[str, dict[str, Any]] = {
    "none": {"hsv_h": 0.0, "hsv_s": 0.0, "hsv_v": 0.0, "translate": 0.0, "scale": 0.0, "fliplr": 0.0, "mosaic": 0.0},
    "light": {"translate": 0.08, "scale": 0.2, "fliplr": 0.0, "mosaic": 0.0},
    "strong": {"translate": 0.1, "scale": 0.5, "fliplr": 0.5, "mosaic": 1.0},
}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class ChildJob(_Frozen):
    """What the child trains: the network, its weights if there are some, the data, and where to go on.

    `resume` is a `last-*.pt` that such a child left; `best` the best one until then; with `finish` nothing is left to
    train but the network is to be written.
    """

    task: Literal["detect", "segment", "classify"]
    data: Path
    labels: tuple[str, ...]
    image_size: int
    recipe: Recipe
    architecture: dict[str, Any] | None = None
    weights: Path | None = None
    resume: Path | None = None
    best: Path | None = None
    out: Path
    threads: int
    checkpoints: bool = True
    finish: bool = False


class EpochReport(_Frozen):
    """One epoch, counted from 1; `checkpoint` names its files in `out`. `ended` says that it was the last."""

    epoch: int
    epochs: int
    seconds: float
    figures: dict[str, float]
    fitness: float
    best: bool
    ended: bool


def main(request: Path) -> None:
    """The child: train as the job file says, with scratch files beside it."""
    from registry.conversion import kernel
    from registry.training.yolo_process import provide_font

    kernel.prctl(kernel.PARENT_DEATH_SIGNAL, signal.SIGKILL)
    Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")  # before the platform itself
    job = ChildJob.model_validate_json(request.read_text(encoding="utf-8"))
    scratch = request.parent
    provide_font(scratch)
    if job.finish and job.resume is not None:
        _save_bare(job.best or job.resume, job)
    else:
        _train(job, scratch)


def _bound_memory() -> None:
    """No more than the machine has, so that a network too great for it ends with a MemoryError."""
    most = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _train(job: ChildJob, scratch: Path) -> None:
    import torch

    if not torch.cuda.is_available():  # CUDA reserves far more addresses than it uses
        _bound_memory()
    model = _resumed(job, scratch) if job.resume else _begun(job, scratch)
    teller = _Teller(job)
    # Ultralytics goes down to one thread when training begins
    model.add_callback("on_train_start", lambda _: torch.set_num_threads(job.threads))
    model.add_callback("on_train_epoch_start", teller.begin)
    model.add_callback("on_fit_epoch_end", teller.end)
    folder = scratch / "runs"
    arguments = {
        "data": str(job.data),
        "imgsz": job.image_size,
        "device": "0" if torch.cuda.is_available() else "cpu",
        "save_dir": str(folder),
        "plots": False,
        "workers": 0,
    }
    if job.resume:
        model.train(resume=str(scratch / "resume.pt"), **arguments)
    else:
        model.train(**arguments, **_arguments(job.recipe))
    best = folder / "weights/best.pt"
    _save_bare(best if best.is_file() else folder / "weights/last.pt", job)


def _begun(job: ChildJob, scratch: Path) -> Any:
    from ultralytics import YOLO

    model = YOLO(_network_yaml(job, scratch), task=job.task)
    if job.weights is not None:
        from safetensors.torch import load_file

        known = model.model.state_dict()
        given = load_file(str(job.weights))
        fitting = {key: value for key, value in given.items() if key in known and known[key].shape == value.shape}
        model.model.load_state_dict(fitting, strict=False)
        model.ckpt = {"epoch": -1}  # or the trainer begins with random weights
    return model


def _resumed(job: ChildJob, scratch: Path) -> Any:
    from ultralytics import YOLO

    folder = scratch / "runs/weights"
    folder.mkdir(parents=True, exist_ok=True)
    if job.resume is not None:
        shutil.copyfile(job.resume, scratch / "resume.pt")
    if job.best is not None:
        shutil.copyfile(job.best, folder / "best.pt")
    return YOLO(scratch / "resume.pt")


def _network_yaml(job: ChildJob, scratch: Path) -> Path:
    """The architecture given, or YOLO11 at the recipe's width and depth."""
    import yaml

    suffix = {"detect": "", "segment": "-seg", "classify": "-cls"}[job.task]
    spec = job.architecture
    if spec is None:
        import ultralytics

        path = Path(ultralytics.__file__).parent / f"cfg/models/11/yolo11{suffix}.yaml"
        wanted = job.recipe.architecture
        if wanted is None:
            raise ValueError("neither weights nor an architecture were given")
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))
        spec |= {"nc": len(job.labels), "scales": {"n": [wanted.depth, wanted.width, 1024]}}
    out = scratch / f"yolo11{spec.get('scale') or 'n'}{suffix}.yaml"  # the scale is read from the name
    out.write_text(yaml.safe_dump(spec), encoding="utf-8")
    return out


def _arguments(recipe: Recipe) -> dict[str, Any]:
    return {
        "epochs": recipe.epochs,
        "patience": recipe.patience,
        "batch": recipe.batch,
        "nbs": recipe.batch,  # a step for every batch, instead of one for every 64 pictures
        "optimizer": "AdamW",
        "lr0": recipe.learning_rate,
        "lrf": 0.05,
        "cos_lr": True,
        "momentum": 0.9,
        "weight_decay": recipe.weight_decay,
        "warmup_epochs": min(1.0, recipe.epochs / 4),
        "warmup_bias_lr": 0.0,
        "close_mosaic": min(5, recipe.epochs // 2),
        "erasing": 0.0 if recipe.augment == "none" else 0.2,
        "auto_augment": None,
        "seed": recipe.seed,
        "deterministic": True,
        "amp": False,
        "verbose": False,
        "exist_ok": True,
        **_AUGMENT[recipe.augment],
    }


class _Teller:
    """Leaves the checkpoints of an epoch under names that never change, then writes its line."""

    def __init__(self, job: ChildJob) -> None:
        self._job, self._started = job, time.monotonic()

    def begin(self, trainer: Any) -> None:
        self._started = time.monotonic()
        trainer.final_eval = lambda: None  # measured elsewhere, on the test split

    def end(self, trainer: Any) -> None:
        report = EpochReport(
            epoch=trainer.epoch + 1,
            epochs=trainer.epochs,
            seconds=round(time.monotonic() - self._started, 3),
            figures=_figures(trainer),
            fitness=round(float(trainer.fitness), 6),
            best=bool(trainer.best_fitness == trainer.fitness),
            ended=bool(trainer.stop),
        )
        if self._job.checkpoints:
            _leave(trainer.last, self._job.out / checkpoint_name(LAST, report.epoch))
            if report.best:
                _leave(trainer.best, self._job.out / checkpoint_name(BEST, report.epoch))
        sys.stdout.write(report.model_dump_json() + "\n")
        sys.stdout.flush()


def checkpoint_name(what: str, epoch: int) -> str:
    """The file of an epoch's checkpoint; `what` is LAST or BEST."""
    return f"{what}-{epoch:05d}.pt"


def _leave(source: Path, target: Path) -> None:
    draft = target.with_suffix(".draft")
    shutil.copyfile(source, draft)
    draft.replace(target)


_NAMES = {
    "metrics/precision(B)": "precision",
    "metrics/recall(B)": "recall",
    "metrics/mAP50(B)": "mAP50",
    "metrics/mAP50-95(B)": "mAP50-95",
    "metrics/mAP50(M)": "mask mAP50",
    "metrics/mAP50-95(M)": "mask mAP50-95",
    "metrics/accuracy_top1": "accuracy",
    "metrics/accuracy_top5": "top5 accuracy",
}


def _figures(trainer: Any) -> dict[str, float]:
    """Losses and validation figures under plain names, `loss/train/box` and `mAP50`; what is no number is left out."""
    losses = trainer.tloss if isinstance(trainer.tloss, dict) else {"loss": trainer.tloss}
    found = {f"loss/train/{_bare(name)}": value for name, value in losses.items()}
    for name, value in trainer.metrics.items():
        if name in _NAMES:
            found[_NAMES[name]] = value
        elif name.startswith("val/"):
            found[f"loss/val/{_bare(name)}"] = value
    numbers = {name: round(float(value), 5) for name, value in found.items()}
    return {name: value for name, value in numbers.items() if value == value}  # noqa: PLR0124 - no NaN


def _bare(name: str) -> str:
    return name.removeprefix("val/").removeprefix("train/").removesuffix("_loss") or "loss"


def _save_bare(trained: Path, job: ChildJob) -> None:
    """Write the averaged half-precision weights with the real class names, without paths, dates and optimizer."""
    import torch
    import ultralytics
    from ultralytics import YOLO

    network: Any = YOLO(trained).model
    network.args = {"imgsz": job.image_size, "task": job.task}
    network.names = dict(enumerate(job.labels))
    network.yaml.pop("yaml_file", None)
    del network.pt_path
    checkpoint = {"model": network.half(), "train_args": network.args, "version": ultralytics.__version__}
    torch.save(checkpoint, job.out / TRAINED)
    sys.stdout.write(json.dumps({"trained": TRAINED}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
