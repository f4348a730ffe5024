"""Training a small YOLO11 detector, in a process of its own."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from registry.training.params import DetectorParams
from registry.training.yolo_process import provide_font, run_child


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class TrainingJob(_Frozen):
    """What to train on (folders with `images/` and `labels/`) and where the checkpoint goes.

    `start_from` names a checkpoint to fine-tune. A checkpoint is a pickle: pass none that was not written here.
    """

    train_folder: Path
    held_out_folder: Path
    checkpoint: Path
    labels: tuple[str, ...]
    size_px: int
    seed: int
    params: DetectorParams
    start_from: Path | None = None


class EpochReport(_Frozen):
    """How far a training run is; `epoch` counts from 1."""

    epoch: int
    epochs: int
    losses: dict[str, float]


def train_detector(job: TrainingJob, on_epoch: Callable[[EpochReport], None]) -> None:
    """Train to the end on the CPU and write `job.checkpoint`; equal jobs give equal weights on one machine.

    The weights of the last epoch are kept: nothing is chosen by looking at held-out scenes. Raises ProcessFailed.
    """
    absolute = {name: getattr(job, name).absolute() for name in ("train_folder", "held_out_folder", "checkpoint")}
    if job.start_from is not None:
        absolute["start_from"] = job.start_from.absolute()
    for line in run_child(__name__, job.model_copy(update=absolute)):
        if line.startswith('{"epoch"'):
            on_epoch(EpochReport.model_validate_json(line))


def main(request: Path) -> None:
    """The child: train as the job file says, with scratch files beside it."""
    import torch
    from ultralytics import YOLO

    job = TrainingJob.model_validate_json(request.read_text(encoding="utf-8"))
    scratch = request.parent
    provide_font(scratch)
    model = YOLO(job.start_from or _write_model_yaml(job, scratch))
    # Ultralytics goes down to one thread when training begins
    model.add_callback("on_train_start", lambda _: torch.set_num_threads(job.params.threads))
    model.add_callback("on_train_epoch_end", _report)
    model.train(
        data=_write_data_yaml(job, scratch),
        project=scratch / "runs",
        name="train",
        imgsz=job.size_px,
        seed=job.seed,
        **_arguments(job.params),
    )
    _save_bare(scratch / "runs/train/weights/last.pt", job)


def _arguments(params: DetectorParams) -> dict[str, Any]:
    return {
        "epochs": params.epochs,
        "batch": params.batch,
        "nbs": params.batch,  # a step for every batch, instead of one for every 64 pictures
        "optimizer": "AdamW",
        "lr0": params.learning_rate,
        "lrf": params.final_learning_rate_fraction,
        "cos_lr": True,
        "momentum": 0.9,
        "weight_decay": params.weight_decay,
        "warmup_epochs": params.warmup_epochs,
        "warmup_bias_lr": 0.0,
        # a flipped digit is none, and every scene is composed at random already
        "fliplr": 0.0,
        "mosaic": 0.0,
        "close_mosaic": 0,
        "scale": 0.2,
        "translate": 0.05,
        "deterministic": True,
        "device": "cpu",
        "workers": 0,
        "amp": False,
        "plots": False,
        "val": False,
        "patience": 0,
        "verbose": False,
    }


def _report(trainer: Any) -> None:
    losses = {name: round(float(value), 4) for name, value in trainer.tloss.items()}
    sys.stdout.write(json.dumps({"epoch": trainer.epoch + 1, "epochs": trainer.epochs, "losses": losses}) + "\n")
    sys.stdout.flush()


def _write_model_yaml(job: TrainingJob, scratch: Path) -> Path:
    """YOLO11 at the job's depth and width."""
    import ultralytics
    import yaml

    path = Path(ultralytics.__file__).parent / "cfg/models/11/yolo11.yaml"
    spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    spec |= {"nc": len(job.labels), "scales": {"n": [job.params.depth, job.params.width, 1024]}}
    out = scratch / "yolo11n.yaml"  # the scale is read from the name
    out.write_text(yaml.safe_dump(spec), encoding="utf-8")
    return out


def _write_data_yaml(job: TrainingJob, scratch: Path) -> Path:
    """A data set of copies, because Ultralytics writes its label cache beside the labels."""
    import yaml

    for name, folder in (("train", job.train_folder), ("held_out", job.held_out_folder)):
        for part in ("images", "labels"):
            shutil.copytree(folder / part, scratch / "data" / name / part)
    spec = {"path": str(scratch / "data"), "train": "train/images", "val": "held_out/images"}
    out = scratch / "data.yaml"
    out.write_text(yaml.safe_dump(spec | {"names": dict(enumerate(job.labels))}), encoding="utf-8")
    return out


def _save_bare(trained: Path, job: TrainingJob) -> None:
    """Write the averaged half-precision weights without the run's paths, dates and optimizer."""
    import torch
    import ultralytics
    from ultralytics import YOLO

    network: Any = YOLO(trained).model
    network.args = {"imgsz": job.size_px, "task": "detect"}
    network.yaml.pop("yaml_file", None)
    del network.pt_path
    job.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    checkpoint = {"model": network.half(), "train_args": network.args, "version": ultralytics.__version__}
    torch.save(checkpoint, job.checkpoint)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
