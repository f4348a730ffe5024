"""Genuine models of every kind find their way in, and say what they said before."""

import json
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from registry.access import Actor
from registry.errors import MissingExtra
from registry.models.intake import REPORT, take_in
from registry.models.journey import DONE, FAILED, SKIPPED, WAITING, Journey
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.models.types import ModelVersion
from registry.runtime.card import ModelCard, Task
from registry.settings import PROJECT_ROOT
from registry.testing import hostile_files, onnx_models
from registry.testing.face_models import FACE_CARD, bright_face_detector
from registry.testing.requirements import require_package

STARTERS = PROJECT_ROOT / "data" / "starter"
ONNX: dict[str, tuple[Callable[[], bytes], ModelCard | None, Task]] = {
    "detector": (onnx_models.blob_detector, None, Task.DETECT),
    "detector of any size": (lambda: onnx_models.blob_detector(0), onnx_models.BLOB_DYNAMIC_CARD, Task.DETECT),
    "detector with its selection": (onnx_models.blob_detector_with_nms, onnx_models.BLOB_NMS_CARD, Task.DETECT),
    "classifier": (onnx_models.colour_classifier, None, Task.CLASSIFY),
    "classifier of logits": (lambda: onnx_models.colour_classifier(softmax=False), None, Task.CLASSIFY),
    "trained detector": ((STARTERS / "digit-detector/model.onnx").read_bytes, None, Task.DETECT),
    "trained classifier": ((STARTERS / "digit-classifier/model.onnx").read_bytes, None, Task.CLASSIFY),
}


@pytest.fixture
def taken(models: ModelRegistry, engineer: Actor, unique: str) -> Callable[..., tuple[ModelVersion, Journey, Any]]:
    """Take a model in: its version, the steps it took, the report kept with it."""

    def take(model: bytes | Path, card: ModelCard | None = None) -> tuple[ModelVersion, Journey, Any]:
        journey = Journey()
        made = take_in(models, engineer, model, unique, card=card, journey=journey)
        report = next((models.settings.home / "mlflow-artifacts").rglob(f"{made.run_id}/artifacts/model/{REPORT}"))
        return made, journey, json.loads(report.read_text("utf-8"))

    return take


@pytest.mark.parametrize("what", ONNX)
def test_onnx_passes_unchanged(what: str, taken: Callable[..., Any]) -> None:
    make, card, task = ONNX[what]
    made, journey, report = taken(make(), card)
    assert made.card.task is task
    assert [step.state for step in journey.steps] == [DONE, DONE, SKIPPED, DONE, DONE]
    assert report["source"]["sha256"] == made.sha256
    assert report["trial"]["own_network"] or report["trial"]["notes"]


class TestTorchScript:
    @pytest.fixture
    def network(self) -> Any:
        require_package("torch", "train")
        import torch

        torch.manual_seed(0)
        return torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
            torch.nn.Linear(4, 5),
        ).eval()  # fmt: skip

    def test_a_traced_program_with_a_card_is_converted(
        self, network: Any, taken: Callable[..., Any], serving: Serving, engineer: Actor, tmp_path: Path
    ) -> None:
        import torch

        torch.jit.trace(network, torch.zeros(1, 3, 32, 32)).save(str(tmp_path / "net.anything"))
        card = onnx_models.COLOUR_LOGITS_CARD.model_copy(update={"labels": tuple("abcde")})
        made, journey, report = taken(tmp_path / "net.anything", card)
        assert [step.state for step in journey.steps] == [DONE] * 5
        assert report["conversion"]["difference"]["random"] < 1e-4
        picture = np.full((32, 32, 3), 120, np.uint8)
        with torch.inference_mode():
            scores = network(torch.full((1, 3, 32, 32), 120 / 255)).softmax(1)[0].numpy()
        answered = {row["label"]: row["score"] for row in serving.predict(engineer, picture, model=made.name).rows()}
        assert answered == pytest.approx(dict(zip("abcde", scores, strict=True)), abs=1e-3)

    def test_a_scripted_program_without_a_card_is_tried_at_usual_sizes(
        self, network: Any, taken: Callable[..., Any], tmp_path: Path
    ) -> None:
        import torch

        torch.jit.script(network).save(str(tmp_path / "net.ts"))
        made, _, report = taken(tmp_path / "net.ts")
        assert (made.card.task, made.card.input.height, len(made.card.labels)) == (Task.CLASSIFY, 224, 5)
        assert report["scan"]["kind"] == "TorchScript"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """An Ultralytics checkpoint of an architecture with random weights, by the name of its YAML."""
    require_package("ultralytics", "train")
    folder = tmp_path_factory.mktemp("checkpoints")

    def made(architecture: str) -> Path:
        from ultralytics import YOLO

        path = folder / f"{architecture}.pt"
        if not path.exists():
            YOLO(f"{architecture}.yaml").save(path)
        return path

    return made


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained detector's checkpoint, with code in its YAML."""
    require_package("ultralytics", "train")
    from ultralytics import YOLO

    folder = tmp_path_factory.mktemp("trained")
    detector = YOLO(STARTERS / "digit-detector" / "model.pt")
    detector.model.yaml["activation"] = f"open({str(folder / 'canary')!r}, 'w')"
    detector.save(folder / "detector.pt")
    return folder / "detector.pt"


def _check_converted(made: ModelVersion, journey: Journey, report: Any, task: str) -> None:
    assert made.card.task == task
    assert [step.state for step in journey.steps] == [DONE] * 5
    assert report["conversion"]["difference"]["sample"] < 0.01
    assert report["conversion"]["doors"]["own_network"] or report["conversion"]["doors"]["no_sockets"]


def test_a_trained_checkpoint_is_converted_and_the_code_in_it_does_not_run(
    trained: Path, taken: Callable[..., Any]
) -> None:
    _check_converted(*taken(trained), "detect")
    assert not (trained.parent / "canary").exists()


TASKS = {"": "detect", "-seg": "segment", "-pose": "pose", "-cls": "classify", "-obb": "detect"}
SHORT = ("yolo11n-cls", "yolo11n-pose", "yolo11n-obb", "yolo26n-seg")
ARCHITECTURES = [
    pytest.param(
        f"{family}{suffix}", task, marks=() if f"{family}{suffix}" in SHORT else pytest.mark.slow, id=family + suffix
    )
    for family in ("yolov8n", "yolo11n", "yolo26n")
    for suffix, task in TASKS.items()
]


@pytest.mark.parametrize(("architecture", "task"), ARCHITECTURES)
def test_an_ultralytics_checkpoint_of_every_task_is_converted(
    architecture: str, task: str, checkpoint: Callable[[str], Path], taken: Callable[..., Any]
) -> None:
    _check_converted(*taken(checkpoint(architecture)), task)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["onnx", "torchscript"])
@pytest.mark.parametrize(("architecture", "task"), ARCHITECTURES)
def test_what_ultralytics_exports_itself_passes(
    form: str, architecture: str, task: str, checkpoint: Callable[[str], Path], taken: Callable[..., Any]
) -> None:
    from ultralytics import YOLO

    exported = Path(YOLO(checkpoint(architecture)).export(format=form, imgsz=320, device="cpu"))
    made, journey, _ = taken(exported)
    assert made.card.task == task
    assert [step.state for step in journey.steps] == [DONE, DONE, SKIPPED if form == "onnx" else DONE, DONE, DONE]
    assert len(made.card.labels) in (1, 80, 1_000)
    assert made.card.is_oriented == architecture.endswith("-obb")


def test_faces_in_the_layout_of_yunet_pass(taken: Callable[..., Any], serving: Serving, engineer: Actor) -> None:
    made, _, _ = taken(bright_face_detector(), FACE_CARD)
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[16:32, 16:32] = 255
    answer = serving.predict(engineer, picture, model=made.name)
    assert len(answer.to_dict()["detections"][0]["keypoints"]) == 5


def _keras(folder: Path) -> Any:
    require_package("tensorflow", "tensorflow")
    import keras

    keras.utils.set_random_seed(0)
    image = keras.Input((32, 32, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, activation="relu")(image))
    return keras.Model(image, keras.layers.Dense(5, activation="softmax")(pooled))


@pytest.mark.tensorflow
@pytest.mark.parametrize("form", ["keras", "h5", "savedmodel", "pb"])
def test_tensorflow_models_are_converted(form: str, taken: Callable[..., Any], tmp_path: Path) -> None:
    network = _keras(tmp_path)
    import tensorflow
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    path = tmp_path / f"net.{form}"
    if form in ("keras", "h5"):
        network.save(path)
    elif form == "savedmodel":
        network.export(tmp_path / "net")
        path = Path(shutil.make_archive(str(tmp_path / "zipped"), "zip", tmp_path, "net"))
    else:
        spec = tensorflow.TensorSpec((1, 32, 32, 3), tensorflow.float32)
        frozen = convert_variables_to_constants_v2(tensorflow.function(network).get_concrete_function(spec))
        path.write_bytes(frozen.graph.as_graph_def().SerializeToString())
    made, _, report = taken(path)
    assert (made.card.task, len(made.card.labels)) == (Task.CLASSIFY, 5)
    assert report["conversion"]["difference"]["random"] < 1e-3


@pytest.mark.skipif(find_spec("tensorflow") is not None, reason="tensorflow is here, and converts it")
@pytest.mark.parametrize("make", [hostile_files.keras_archive, hostile_files.keras_hdf5])
def test_without_tensorflow_a_keras_model_is_told_what_is_missing(
    make: Callable[[dict[str, Any]], bytes], models: ModelRegistry, engineer: Actor, unique: str
) -> None:
    config = {"class_name": "Sequential", "module": "keras", "config": {"name": "net", "layers": []}}
    journey = Journey()
    with pytest.raises(MissingExtra, match="need tensorflow") as caught:
        take_in(models, engineer, make(config), unique, journey=journey)
    assert "nexusai[tensorflow]" in caught.value.hint
    assert [step.state for step in journey.steps] == [DONE, DONE, FAILED, WAITING, WAITING]
