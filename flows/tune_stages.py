"""The stages of dvc.yaml that train the starter detector further, over the functions of the training job."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from registry.conversion.convert import convert
from registry.conversion.file_kind import FileKind
from registry.jobs.train_parameters import TrainParameters
from registry.runtime.card import MODEL_FILE, ModelCard
from registry.runtime.infer_card import infer_card
from registry.runtime.loading import load
from registry.testing.digit_set import write_digit_set
from registry.training.datasets import annotations
from registry.training.datasets.intake import Wanted, take_in
from registry.training.datasets.limits import ImportLimits
from registry.training.digits import LABELS
from registry.training.finetune import data_folder, report
from registry.training.finetune.learning import Bench, reports
from registry.training.finetune.measuring import TestSplit, measure
from registry.training.finetune.start_weights import unpack_checkpoint
from registry.training.finetune.yolo_child import TRAINED
from registry.training.params import TrainingParams
from registry.training.versions import dataset_version

FOLDER = Path("data/work/tune")
STARTER = Path("data/starter/digit-detector")
NAME = "digit-detector-tuned"
_IDS = list(range(len(LABELS)))
_THREADS = 1  # rounding, so the result, depends on it

stages = typer.Typer()


@stages.command()
def tune_data() -> None:
    """Compose small scenes and bring them into the canonical form of a dataset."""
    params = _params().tune
    with TemporaryDirectory() as scratch:
        source = write_digit_set(Path(scratch), params.counts, params.size_px)
        made = FOLDER / "set"
        shutil.rmtree(made, ignore_errors=True)
        made.parent.mkdir(parents=True, exist_ok=True)
        dataset, _ = take_in(source, made, Wanted("yolo"), ImportLimits(), lambda _done, _total: None)
        annotations.write(made, dataset)


@stages.command()
def tune_train() -> None:
    """Train the starter's checkpoint further; the best epoch is kept."""
    params = _params().tune
    dataset = annotations.read(FOLDER / "set")
    with _scratch() as scratch:
        network = unpack_checkpoint((STARTER / "model.pt").read_bytes(), scratch)
        for name in ("data", "out", "child"):
            (scratch / name).mkdir()
        laid = data_folder.lay_out(FOLDER / "set", dataset, "detect", _IDS, scratch / "data", lambda: None)
        plan = TrainParameters(
            **params.recipe.model_dump(),
            model=NAME,
            dataset="scenes",
            dataset_version=1,
            dataset_sha256="",
            labels=LABELS,
            task="detect",
        )
        bench = Bench(plan, laid, params.size_px, network, scratch / "weights.safetensors", scratch, _THREADS)
        job = bench.child_job(params.recipe, scratch / "out", checkpoints=False)
        epochs = []
        for each in reports(job, scratch / "child", lambda: False):
            typer.echo(f"epoch {each.epoch}/{each.epochs}  mAP50 {each.figures.get('mAP50', 0):.3f}", err=True)
            epochs.append(each.model_dump(exclude={"seconds"}))
        shutil.copyfile(scratch / "out" / TRAINED, FOLDER / "model.pt")
    _write_json(FOLDER / "epochs.json", epochs)


@stages.command()
def tune_export() -> None:
    """Convert in the sandbox, and compare both."""
    converted = convert((FOLDER / "model.pt").absolute(), FileKind.TORCH)
    (FOLDER / "model.onnx").write_bytes(converted.onnx)
    _write_json(FOLDER / "parity.json", dict(converted.difference))


@stages.command()
def tune_evaluate() -> None:
    """Measure on the test split; write tables and pictures."""
    dataset = annotations.read(FOLDER / "set")
    card = _card({})
    model = load({MODEL_FILE: FOLDER / "model.onnx"}, card, threads=2)
    found = measure(model, TestSplit(FOLDER / "set", dataset, _IDS), lambda _done, _total: None)
    folder = FOLDER / "report"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    report.write_measured(folder, found, {"parity": json.loads((FOLDER / "parity.json").read_text("utf-8"))})
    _write_json(FOLDER / "metrics.json", found.figures)


@stages.command()
def tune_publish() -> None:
    """Register it as a candidate with the running platform, or in its home."""
    from registry.access.actor import local_actor
    from registry.models.files import CHECKPOINT
    from registry.models.process import mlflow_at_hand
    from registry.models.publish import Draft
    from registry.models.registry import ModelRegistry
    from registry.records import open_database
    from registry.settings import load_settings

    settings = load_settings()
    settings.prepare_home()
    database = open_database(settings.records_url)
    database.upgrade()
    files = {MODEL_FILE: (FOLDER / "model.onnx").read_bytes()}
    notes = {CHECKPOINT: (FOLDER / "model.pt").read_bytes()}
    card = _card(json.loads((FOLDER / "metrics.json").read_text("utf-8")))
    with mlflow_at_hand(settings):
        made = ModelRegistry(settings, database).publish(
            local_actor(), Draft(NAME, files, card, card.description, alias="candidate", notes=notes)
        )
        typer.echo(f"registered {made.name} version {made.version}", err=True)
    database.close()


def _card(metrics: dict[str, float]) -> ModelCard:
    inferred = infer_card((FOLDER / "model.onnx").read_bytes())
    told = {
        "labels": LABELS,
        "description": "The starter detector, trained further on smaller scenes of handwritten digits.",
        "licence": "AGPL-3.0 (trained with Ultralytics YOLO11); data: UCI handwritten digits, CC BY 4.0",
        "source": "stages tune-train and tune-export of dvc.yaml",
        "dataset": f"small digit scenes {dataset_version(FOLDER / 'set')}",
        "metrics": metrics,
    }
    return inferred.model_copy(update=told)


@contextmanager
def _scratch() -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        yield Path(folder)


def _params() -> TrainingParams:
    return TrainingParams.load(Path("params.yaml"))


def _write_json(path: Path, values: object) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
