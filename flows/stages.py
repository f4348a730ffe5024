"""The stages of dvc.yaml: `python -m flows.stages NAME`."""

import csv
import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from flows.tune_stages import stages as tune_stages
from registry.runtime.card import MODEL_FILE, ModelCard
from registry.runtime.loading import load
from registry.runtime.vision_model import VisionModel
from registry.training import classifier, detector, detector_export, evaluation, starter_cards
from registry.training.digits import LABELS, DigitSplit, load_digits, split_digits
from registry.training.glyphs import SIDE_PX
from registry.training.params import TrainingParams
from registry.training.samples import write_samples
from registry.training.scene_folder import read_scenes, write_scenes
from registry.training.scenes import SceneComposer
from registry.training.torch_export import to_onnx
from registry.training.versions import dataset_version

WORK = Path("data/work")
DETECTOR = Path("data/starter/digit-detector")
CLASSIFIER = Path("data/starter/digit-classifier")
SAMPLES = Path("data/samples")

stages = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
stages.registered_commands += tune_stages.registered_commands


@stages.command()
def prepare() -> None:
    """Split the digits and compose scenes from either part."""
    params = _params()
    split = split_digits(load_digits(), params.dataset.held_out_fraction, params.seed)
    WORK.mkdir(parents=True, exist_ok=True)
    split.save(WORK / "digits.npz")
    composer = SceneComposer.over(split.train, params.scenes)
    write_scenes(WORK / "scenes/train", composer, params.dataset.train_scenes, params.seed)
    composer = SceneComposer.over(split.held_out, params.scenes)
    write_scenes(WORK / "scenes/held_out", composer, params.dataset.held_out_scenes, params.seed + 1)


@stages.command()
def samples() -> None:
    """Compose the sample pictures from held-out digits."""
    write_samples(SAMPLES, DigitSplit.load(WORK / "digits.npz").held_out)


@stages.command()
def train_detector() -> None:
    """Train the detector on the scenes of the training digits."""
    params = _params()
    job = detector.TrainingJob(
        train_folder=WORK / "scenes/train",
        held_out_folder=WORK / "scenes/held_out",
        checkpoint=WORK / "detector/model.pt",
        labels=LABELS,
        size_px=params.scenes.size_wh[0],
        seed=params.seed,
        params=params.detector,
    )
    detector.train_detector(job, lambda report: _say(report.epoch, report.epochs, report.losses))


@stages.command()
def train_classifier() -> None:
    """Train the classifier on the training digits."""
    params = _params()
    digits = DigitSplit.load(WORK / "digits.npz").train
    network = classifier.train_classifier(
        digits,
        params.classifier,
        params.seed,
        lambda epoch, loss: _say(epoch, params.classifier.epochs, {"loss": loss}),
    )
    classifier.save_weights(network, WORK / "classifier/model.safetensors")


@stages.command()
def export() -> None:
    """Write both models as ONNX, and how far ONNX Runtime's answers are from torch's."""
    params = _params()
    for folder in (DETECTOR, CLASSIFIER):
        folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(WORK / "detector/model.pt", DETECTOR / "model.pt")
    job = detector_export.DetectorExportJob(
        checkpoint=DETECTOR / "model.pt",
        onnx=DETECTOR / MODEL_FILE,
        size_px=params.scenes.size_wh[0],
        opset=params.export.opset,
    )
    network = classifier.load_weights(WORK / "classifier/model.safetensors")
    model_bytes, difference = to_onnx(network, (1, SIDE_PX, SIDE_PX), params.export.opset)
    (CLASSIFIER / MODEL_FILE).write_bytes(model_bytes)
    parity = {"detector": detector_export.export_detector(job), "classifier": difference}
    _write_json(WORK / "parity.json", parity)


@stages.command()
def evaluate() -> None:
    """Measure both ONNX models on held-out data; write their metrics and cards."""
    params = _params()
    parity = json.loads((WORK / "parity.json").read_text(encoding="utf-8"))

    size_px, version = params.scenes.size_wh[0], dataset_version(WORK / "scenes")
    model = _open(DETECTOR, starter_cards.detector_card(size_px, version, {}))
    found = asdict(evaluation.evaluate_detector(model, read_scenes(WORK / "scenes/held_out")))
    _write_json(DETECTOR / "metrics.json", _rounded(found) | {"onnx_max_difference": parity["detector"]})
    shown = {name: round(found[name], 4) for name in ("map50", "map50_95")}
    _write_card(DETECTOR, starter_cards.detector_card(size_px, version, shown))

    version = dataset_version(WORK / "digits.npz")
    model = _open(CLASSIFIER, starter_cards.classifier_card(version, {}))
    found = asdict(evaluation.evaluate_classifier(model, DigitSplit.load(WORK / "digits.npz").held_out))
    _write_confusion(CLASSIFIER / "confusion.csv", found.pop("confusion").tolist())
    _write_json(CLASSIFIER / "metrics.json", _rounded(found) | {"onnx_max_difference": parity["classifier"]})
    shown = {name: round(found[name], 4) for name in ("accuracy", "accuracy_varied")}
    _write_card(CLASSIFIER, starter_cards.classifier_card(version, shown))


@stages.command()
def publish() -> None:
    """Register the starter models with the running platform, or in its home; unchanged ones stay as they are."""
    from registry.access.actor import local_actor
    from registry.models.process import mlflow_at_hand
    from registry.models.registry import ModelRegistry
    from registry.models.serving import Serving
    from registry.models.starters import publish_starters
    from registry.records import open_database
    from registry.settings import load_settings

    settings = load_settings()
    settings.prepare_home()
    database = open_database(settings.records_url)
    database.upgrade()
    with mlflow_at_hand(settings):
        models = ModelRegistry(settings, database)
        for made in publish_starters(models, local_actor(), Serving(models, settings).move_alias):
            sys.stderr.write(f"registered {made.name} version {made.version}\n")
    database.close()


def _params() -> TrainingParams:
    return TrainingParams.load(Path("params.yaml"))


def _open(folder: Path, card: ModelCard) -> VisionModel:
    return load({MODEL_FILE: folder / MODEL_FILE}, card, threads=2)


def _say(epoch: int, epochs: int, losses: dict[str, float]) -> None:
    shown = "  ".join(f"{name} {value:.3f}" for name, value in losses.items())
    sys.stderr.write(f"epoch {epoch}/{epochs}  {shown}\n")


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(values), parse_float=lambda text: round(float(text), 4))  # type: ignore[no-any-return]


def _write_json(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _write_card(folder: Path, card: ModelCard) -> None:
    (folder / "card.json").write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _write_confusion(path: Path, counts: list[list[int]]) -> None:
    """One row per digit, as the confusion template of `dvc plots` wants it."""
    with path.open("w", newline="", encoding="ascii") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["actual", "predicted"])
        for actual, row in enumerate(counts):
            for predicted, count in enumerate(row):
                rows.writerows([[LABELS[actual], LABELS[predicted]]] * count)


if __name__ == "__main__":
    stages()
