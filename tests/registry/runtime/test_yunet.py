"""Faces in YuNet's layout: what OpenCV's own FaceDetectorYN reads from the same network."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from registry.errors import InvalidCard, UnsupportedOutputs
from registry.runtime.card import ModelCard, Task
from registry.runtime.predictor import Predictor
from registry.runtime.yunet import decode_yunet
from registry.testing import onnx_models
from registry.testing.face_models import FACE_CARD, SIDE, bright_face_detector


def _squares() -> np.ndarray:
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image[0:8, 8:16] = (250, 240, 230)
    image[32:48, 32:48] = (200, 255, 220)
    image[56:64, 0:8] = (180, 190, 240)
    return image


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_answers_what_opencv_answers(seed: int, tmp_path: Path) -> None:
    data = bright_face_detector(seed=seed)
    (tmp_path / "faces.onnx").write_bytes(data)
    theirs = cv2.FaceDetectorYN.create(str(tmp_path / "faces.onnx"), "", (SIDE, SIDE), 0.6, 0.9)
    _, rows = theirs.detect(_squares())
    ours = Predictor(data, FACE_CARD).predict(_squares(), iou=0.9).detections
    assert len(ours) == len(rows) >= 3
    rows = rows[np.lexsort((rows[:, 0], -rows[:, 14]))]
    order = np.lexsort((ours.xyxy[:, 0], -ours.confidence))
    edges = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
    assert ours.confidence[order] == pytest.approx(rows[:, 14], abs=1e-4)
    assert ours.xyxy[order] == pytest.approx(edges.clip(0, SIDE), abs=1e-3)
    points = rows[:, 4:14].reshape(-1, 5, 2)
    assert np.asarray(ours.data["keypoints"])[order] == pytest.approx(points.clip(0, SIDE), abs=1e-3)


def test_overlapping_faces_are_one() -> None:
    data = bright_face_detector()
    many = Predictor(data, FACE_CARD).predict(np.full((SIDE, SIDE, 3), 255, np.uint8), iou=0.95).detections
    few = Predictor(data, FACE_CARD).predict(np.full((SIDE, SIDE, 3), 255, np.uint8), iou=0.1).detections
    assert len(few) < len(many)


def test_an_image_of_any_size_is_answered_in_its_own_pixels() -> None:
    large = cv2.resize(_squares(), None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    small = Predictor(bright_face_detector(), FACE_CARD).predict(_squares()).detections
    found = Predictor(bright_face_detector(), FACE_CARD).predict(large).detections
    assert found.xyxy == pytest.approx(small.xyxy * 4, abs=1)


@pytest.mark.parametrize("shapes", [[(1, 64, 1)] * 12, [(1, 64, 4)], [], [(64,)] * 12])
def test_other_outputs_are_refused(shapes: list[tuple[int, ...]]) -> None:
    with pytest.raises(UnsupportedOutputs, match="yunet"):
        decode_yunet([np.zeros(shape, np.float32) for shape in shapes], (64, 64), 0.5, 0.5, 10)


def test_the_card_has_to_fit() -> None:
    with pytest.raises(UnsupportedOutputs, match="twelve"):
        Predictor(onnx_models.blob_detector(), FACE_CARD.model_copy(update={"input": onnx_models.BLOB_CARD.input}))
    with pytest.raises(InvalidCard, match="5 points"):
        ModelCard.parse('{"task": "pose", "decoder": "yunet", "keypoint_shape": [17, 3]}')
    with pytest.raises(InvalidCard, match="answers task pose"):
        Predictor(bright_face_detector(), FACE_CARD.model_copy(update={"task": Task.DETECT}))
