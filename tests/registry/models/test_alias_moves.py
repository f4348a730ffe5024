"""A move of an alias that is refused: whatever the proof stumbles over is told in one way, and nothing moves."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from registry.access import Actor
from registry.errors import (
    ImageTooLarge,
    IntegrityError,
    InvalidCard,
    InvalidModel,
    MissingExtra,
    MlflowUnavailable,
    ObjectNotFound,
    RegistryError,
    StorageUnavailable,
)
from registry.models.loaded import LoadedModels
from registry.models.publish import Draft
from registry.models.registry import ModelRegistry
from registry.models.serving import Serving
from registry.models.types import CHAMPION, ModelVersion
from registry.records import Database, SettingValue
from registry.runtime.vision_model import VisionModel
from registry.testing.onnx_models import BLOB_CARD, BLOB_NMS_CARD, blob_detector, blob_detector_with_nms

BLUE = np.zeros((64, 64, 3), np.uint8)
BLUE[:8, :8] = (255, 0, 0)
SHORT_CARD = BLOB_NMS_CARD.model_copy(update={"labels": ("red",)})  # it names an unknown class on blue


@pytest.fixture
def two(models: ModelRegistry, engineer: Actor, unique: str) -> str:
    """A model whose champion is the first of two versions; the second fails on blue."""
    models.publish(engineer, Draft(unique, {"model.onnx": blob_detector()}, BLOB_CARD, alias=CHAMPION))
    models.publish(engineer, Draft(unique, {"model.onnx": blob_detector_with_nms()}, SHORT_CARD))
    return unique


def failures(serving: Serving, name: str) -> float:
    labels = {"model": name, "outcome": "failed"}
    return serving.metrics.registry.get_sample_value("nexusai_alias_swaps_total", labels) or 0.0


def stumbling(serving: Serving, error: Exception) -> Callable[[ModelVersion], VisionModel]:
    """Opens the first version as ever; the second raises."""

    def open_version(version: ModelVersion) -> VisionModel:
        if version.version == 2:
            raise error
        return serving.opening.open(version)

    return open_version


@pytest.mark.parametrize(
    ("error", "refused_as"),
    [
        (IntegrityError("model.onnx has another sha256"), InvalidModel),
        (InvalidCard("no such decoder"), InvalidModel),
        (MissingExtra("openvino is not installed"), InvalidModel),
        (ImageTooLarge("9 pixels"), InvalidModel),
        (ObjectNotFound("there is no model.onnx"), InvalidModel),
        (RuntimeError("boom"), InvalidModel),
        (MlflowUnavailable("nobody answers"), MlflowUnavailable),
        (StorageUnavailable("the bucket is away"), StorageUnavailable),
    ],
    ids=lambda each: each.__name__ if isinstance(each, type) else type(each).__name__,
)
def test_whatever_the_proof_stumbles_over_is_told_and_counted_and_moves_nothing(
    models: ModelRegistry,
    serving: Serving,
    engineer: Actor,
    two: str,
    error: Exception,
    refused_as: type[RegistryError],
) -> None:
    serving._loaded = LoadedModels(stumbling(serving, error), lambda: 1 << 30, serving.metrics)
    with pytest.raises(refused_as, match=r"version 2 of .* champion stays where it is") as refused:
        serving.move_alias(engineer, two, CHAMPION, 2)
    assert type(refused.value) is refused_as
    told = str(error) if isinstance(error, RegistryError) else "something went wrong here when it was tried"
    assert told in refused.value.message
    assert failures(serving, two) == 1
    assert models.get(engineer, two).aliases == {CHAMPION: 1}
    assert serving.predict(engineer, BLUE, model=two).version.version == 1


def test_a_version_that_somebody_tampered_with_is_refused_like_any_other(
    models: ModelRegistry, serving: Serving, engineer: Actor, two: str
) -> None:
    with models.connected() as client:
        client.set_model_version_tag(two, "2", "nexusai.files", "[1")
    with pytest.raises(InvalidModel, match="champion stays where it is"):
        serving.move_alias(engineer, two, CHAMPION, 2)
    assert failures(serving, two) == 1
    assert models.get(engineer, two).aliases == {CHAMPION: 1}


def test_a_last_picture_that_the_settings_no_longer_allow_blocks_no_move(
    models: ModelRegistry, sqlite: Database, serving: Serving, engineer: Actor, two: str
) -> None:
    encoded = cv2.imencode(".png", cv2.resize(BLUE, (1_280, 1_280)))[1].tobytes()
    models.publish(engineer, Draft(two, {"model.onnx": blob_detector()}, BLOB_CARD))
    serving.predict(engineer, encoded, model=two)
    with sqlite.write() as session:
        session.merge(SettingValue(key="image_max_pixels", value=1_000_000))
    models.live.refresh()
    with pytest.raises(ImageTooLarge):
        serving.predict(engineer, encoded, model=two)
    serving.move_alias(engineer, two, CHAMPION, 3)
    assert models.get(engineer, two).aliases == {CHAMPION: 3}


def test_an_array_of_a_whole_camera_picture_is_kept_for_the_proof(serving: Serving, engineer: Actor, two: str) -> None:
    full_hd = cv2.resize(BLUE, (1_920, 1_080), interpolation=cv2.INTER_NEAREST)
    serving.predict(engineer, full_hd, model=two)
    with pytest.raises(InvalidModel, match="class 2"):
        serving.move_alias(engineer, two, CHAMPION, 2)
