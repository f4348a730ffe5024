"""What a version's first answer would wait for is done when it is published."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from registry.access import Actor
from registry.errors import InvalidModel
from registry.models.ahead import make_ready
from registry.models.intake import take_in
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.runtime import bounded_folder
from registry.runtime.card import MODEL_FILE
from registry.testing.onnx_models import BLOB_CARD, blob_detector

IMAGE = np.zeros((32, 32, 3), np.uint8)


@pytest.fixture
def detector(unique: str) -> bytes:
    """A detector that no other test has published."""
    model = onnx.load_from_string(blob_detector())
    model.doc_string = unique
    return bytes(model.SerializeToString())


def test_a_version_published_here_is_loaded_without_its_artifacts(
    models: ModelRegistry, serving: Serving, engineer: Actor, detector: bytes, unique: str
) -> None:
    made = take_in(models, engineer, detector, unique)
    store = models.settings.home / "mlflow-artifacts"
    (stored,) = store.rglob(f"{made.run_id}/artifacts/model/{MODEL_FILE}")
    stored.unlink()
    assert serving.predict(engineer, IMAGE, model=unique).version.key == made.key


def test_a_graph_that_cannot_be_prepared_is_published_and_refused_when_it_is_loaded(
    models: ModelRegistry, serving: Serving, engineer: Actor, detector: bytes, unique: str
) -> None:
    broken = detector[:300]
    models.publish(engineer, Draft(unique, {MODEL_FILE: broken}, BLOB_CARD))
    with pytest.raises(InvalidModel):
        serving.predict(engineer, IMAGE, model=unique)


def test_where_the_processor_does_not_run_a_model_its_files_are_kept(
    models: ModelRegistry, engineer: Actor, detector: bytes, unique: str
) -> None:
    elsewhere = models.settings.model_copy(update={"inference_backend": "openvino"})
    made = take_in(models, engineer, detector, unique)
    kept = models.files._place(made.sha256)
    kept.unlink(missing_ok=True)
    make_ready(models.files, {MODEL_FILE: detector}, elsewhere)
    assert kept.read_bytes() == detector
    shutil.rmtree(next((models.settings.home / "mlflow-artifacts").rglob(f"{made.run_id}/artifacts/model")))
    assert models.files.proven(made)[MODEL_FILE].read() == detector


def test_files_that_were_not_used_for_longest_make_room(
    models: ModelRegistry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files = models.files
    monkeypatch.setattr(files, "_root", tmp_path)
    monkeypatch.setattr(bounded_folder, "KEPT_BYTES", 2_500)
    for letter in b"abc":
        files.keep(bytes([letter]) * 1_000)
    left = {each.read_bytes()[:1] for each in tmp_path.rglob("*") if each.is_file()}
    assert len(left) == 2
    assert b"c" in left
    assert not list(tmp_path.rglob(f"{bounded_folder.DRAFT}*"))
