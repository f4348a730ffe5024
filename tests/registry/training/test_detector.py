"""Training and exporting a detector, end to end on a handful of scenes."""

from pathlib import Path

import pytest

from registry.errors import ProcessFailed
from registry.runtime.loading import load
from registry.testing.requirements import require_package
from registry.training.detector import EpochReport, TrainingJob, train_detector
from registry.training.detector_export import DetectorExportJob, export_detector
from registry.training.digits import LABELS, DigitSplit
from registry.training.evaluation import evaluate_detector
from registry.training.params import DetectorParams, TrainingParams
from registry.training.scene_folder import read_scenes, write_scenes
from registry.training.scenes import SceneComposer
from registry.training.starter_cards import detector_card

pytestmark = pytest.mark.slow


@pytest.fixture
def job(split: DigitSplit, params: TrainingParams, tmp_path: Path) -> TrainingJob:
    require_package("ultralytics", "train")
    write_scenes(tmp_path / "train", SceneComposer.over(split.train, params.scenes), 32, seed=1)
    write_scenes(tmp_path / "held_out", SceneComposer.over(split.held_out, params.scenes), 4, seed=2)
    return TrainingJob(
        train_folder=tmp_path / "train",
        held_out_folder=tmp_path / "held_out",
        checkpoint=tmp_path / "model.pt",
        labels=LABELS,
        size_px=params.scenes.size_wh[0],
        seed=1,
        params=DetectorParams(epochs=1, batch=8),
    )


def test_one_epoch_trains_exports_and_answers(job: TrainingJob, tmp_path: Path) -> None:
    reports: list[EpochReport] = []
    train_detector(job, reports.append)
    assert [report.epoch for report in reports] == [1]
    onnx = tmp_path / "model.onnx"
    difference = export_detector(DetectorExportJob(checkpoint=job.checkpoint, onnx=onnx, size_px=job.size_px, opset=18))
    assert difference < 0.01
    model = load({"model.onnx": onnx}, detector_card(job.size_px, "test", {}))
    assert 0 <= evaluate_detector(model, read_scenes(job.held_out_folder)).map50 <= 1


def test_equal_jobs_write_equal_checkpoints_without_paths(job: TrainingJob, tmp_path: Path) -> None:
    again = job.model_copy(update={"checkpoint": tmp_path / "again/model.pt"})
    for each in (job, again):
        train_detector(each, lambda report: None)
    assert job.checkpoint.read_bytes() == again.checkpoint.read_bytes()
    assert str(tmp_path).encode() not in job.checkpoint.read_bytes()


def test_a_checkpoint_can_be_trained_further(job: TrainingJob, tmp_path: Path) -> None:
    train_detector(job, lambda report: None)
    further = job.model_copy(update={"start_from": job.checkpoint, "checkpoint": tmp_path / "further.pt"})
    train_detector(further, lambda report: None)
    assert further.checkpoint.read_bytes() != job.checkpoint.read_bytes()


def test_a_child_that_fails_says_why(job: TrainingJob, tmp_path: Path) -> None:
    missing = job.model_copy(update={"start_from": tmp_path / "missing.pt"})
    with pytest.raises(ProcessFailed, match=r"missing\.pt"):
        train_detector(missing, lambda report: None)
