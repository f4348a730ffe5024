"""The committed starter models."""

import json
from pathlib import Path

import numpy as np
import pytest

from registry.runtime.card import Decoder, ModelCard, Task
from registry.runtime.graph_check import check_graph
from registry.runtime.loading import load
from registry.runtime.vision_model import VisionModel
from registry.training.digits import LABELS, DigitSplit
from registry.training.evaluation import evaluate_classifier, evaluate_detector
from registry.training.params import TrainingParams
from registry.training.scene_folder import read_scenes, write_scenes
from registry.training.scenes import SceneComposer

NAMES = ("digit-detector", "digit-classifier")
MAX_BYTES = 4_000_000
FRESH_SEED = 4711  # neither that of training nor that of the published figures


@pytest.fixture(scope="session")
def starters(root: Path) -> Path:
    return root / "data/starter"


def open_starter(folder: Path) -> VisionModel:
    return load({"model.onnx": folder / "model.onnx"}, ModelCard.parse((folder / "card.json").read_bytes()), threads=2)


def metrics_of(folder: Path) -> dict[str, float]:
    return dict(json.loads((folder / "metrics.json").read_text()))


def test_the_detector_finds_digits_it_never_saw(
    starters: Path, split: DigitSplit, params: TrainingParams, tmp_path: Path
) -> None:
    write_scenes(tmp_path, SceneComposer.over(split.held_out, params.scenes), 120, FRESH_SEED)
    scores = evaluate_detector(open_starter(starters / "digit-detector"), read_scenes(tmp_path))
    assert scores.map50 >= 0.90
    assert min(scores.ap50.values()) >= 0.75


def test_the_classifier_reads_digits_it_never_saw(starters: Path, split: DigitSplit) -> None:
    scores = evaluate_classifier(open_starter(starters / "digit-classifier"), split.held_out)
    assert scores.accuracy >= 0.97
    assert scores.accuracy_varied >= 0.93
    assert scores.accuracy == pytest.approx(metrics_of(starters / "digit-classifier")["accuracy"], abs=0.005)


def test_the_published_figures_clear_the_bars(starters: Path) -> None:
    assert metrics_of(starters / "digit-detector")["map50"] >= 0.90
    assert metrics_of(starters / "digit-classifier")["accuracy"] >= 0.97


@pytest.mark.parametrize(("name", "bound"), zip(NAMES, (0.01, 0.0001), strict=True))
def test_onnx_runtime_answers_what_torch_answers(starters: Path, name: str, bound: float) -> None:
    # the detector's numbers go up to 256 pixels, the classifier's are logits around 10
    assert metrics_of(starters / name)["onnx_max_difference"] < bound


@pytest.mark.parametrize("name", NAMES)
def test_a_starter_is_small_and_safe(starters: Path, name: str) -> None:
    for path in (starters / name).iterdir():
        assert path.stat().st_size <= MAX_BYTES, path.name
    graph = check_graph((starters / name / "model.onnx").read_bytes())
    assert {entry.domain for entry in graph.opset_import} <= {"", "ai.onnx"}
    assert graph.opset_import[0].version >= 17


@pytest.mark.parametrize("name", NAMES)
def test_a_card_says_what_and_whence(starters: Path, name: str) -> None:
    card = ModelCard.parse((starters / name / "card.json").read_bytes())
    assert card.labels == LABELS
    assert "CC BY 4.0" in card.licence
    assert "dvc.yaml" in card.source
    assert card.metrics.items() <= metrics_of(starters / name).items()
    if name == "digit-detector":
        assert (card.task, card.decoder, card.input.dynamic) == (Task.DETECT, Decoder.YOLO, True)
        assert card.licence.startswith("AGPL-3.0")
    else:
        assert (card.task, card.decoder, card.input.colour) == (Task.CLASSIFY, Decoder.LOGITS, "gray")


@pytest.mark.parametrize("size_wh", [(192, 192), (320, 180), (640, 480)], ids=str)
def test_the_detector_takes_pictures_of_any_shape(starters: Path, size_wh: tuple[int, int]) -> None:
    image_bgr = np.full((size_wh[1], size_wh[0], 3), 128, np.uint8)
    found = open_starter(starters / "digit-detector").predict(image_bgr).detections
    assert found is not None
    assert len(found) == 0


def test_the_detector_reads_the_samples(root: Path, starters: Path) -> None:
    import cv2

    model = open_starter(starters / "digit-detector")
    samples = root / "data/samples"
    truth = json.loads((samples / "truth.json").read_text())
    assert sum(path.stat().st_size for path in samples.iterdir()) <= 1_500_000
    assert set(truth) == {path.name for path in samples.glob("*.jpg")}
    for name, expected in truth.items():
        found = model.predict(cv2.imread(str(samples / name))).detections
        assert found is not None
        assert found.class_id is not None
        assert sorted(found.class_id.tolist()) == sorted(expected["labels"]), name
