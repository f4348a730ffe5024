"""Oriented boxes: known rectangles from arrays, Ultralytics' own answers on the same network, the drawn picture."""

from pathlib import Path

import numpy as np
import pytest

from registry.errors import UnsupportedOutputs
from registry.runtime.card import Decoder, Task
from registry.runtime.infer_card import infer_card
from registry.runtime.prediction import Prediction
from registry.runtime.predictor import Predictor
from registry.runtime.rotated import corners_of, decode_yolo_obb, decode_yolo_obb_nms, overlap
from registry.testing import onnx_models as tiny
from registry.vision.drawing import draw

ultralytics = pytest.importorskip("ultralytics")
OBB = {"task": "obb", "names": "{0: 'ship', 1: 'plane'}", "stride": "32", "imgsz": "[64, 64]"}


def head(*rows: tuple[float, ...]) -> np.ndarray:
    """A head's output (1, 4 + 2 + 1, anchors) from rows of centre, size, two scores, angle."""
    return np.array(rows, np.float32).T[np.newaxis]


def test_a_turned_rectangle_has_its_corners():
    (corners,) = corners_of(np.array([[50, 40, 20, 10, np.pi / 2]], np.float32))
    assert sorted(np.round(corners, 3).tolist()) == [[45, 30], [45, 50], [55, 30], [55, 50]]
    (diamond,) = corners_of(np.array([[0, 0, 2, 2, np.pi / 4]], np.float32))
    assert np.abs(np.abs(diamond).sum(axis=1) - np.sqrt(2)).max() < 1e-5


def test_a_rectangle_has_all_in_common_with_itself_and_nothing_with_one_far_away():
    there = np.array([[50, 50, 30, 10, 0.4], [500, 50, 30, 10, 0.4], [50, 50, 10, 30, 0.4 + np.pi / 2]], np.float32)
    shared = overlap(there, there)
    assert shared.diagonal().min() > 0.99
    assert shared[0, 1] < 1e-3
    assert shared[0, 2] > 0.99, "sides swapped and turned by a right angle: the same rectangle"


def test_the_better_of_two_of_a_class_stays_and_another_class_is_nobodys_rival():
    found = decode_yolo_obb(
        head((50, 50, 30, 10, 0.8, 0, 0.4), (51, 50, 30, 10, 0.9, 0, 0.4), (50, 50, 30, 10, 0, 0.7, 0.4)), 0.25, 0.5, 10
    )
    assert found.scores.tolist() == pytest.approx([0.9, 0.7])
    assert found.class_ids.tolist() == [0, 1]
    assert np.allclose(found.corners[0].mean(axis=0), [51, 50], atol=1e-3)


def test_what_is_not_finite_or_not_sure_is_dropped():
    rows = (
        (50, 50, 30, 10, 0.8, 0, np.nan),
        (np.inf, 50, 30, 10, 0.9, 0, 0),
        (9, 9, 3, 3, 0.2, 0, 0),
        (9, 9, 3, 3, 0.5, 0, 0),
    )
    assert decode_yolo_obb(head(*rows), 0.25, 0.5, 10).scores.tolist() == pytest.approx([0.5])
    told = np.array([[[50, 50, 30, 10, 0.8, 1, 0.4], [9, 9, 3, 3, 0.9, 0, np.nan], [0, 0, 0, 0, 0, 0, 0]]], np.float32)
    found = decode_yolo_obb_nms(told, 0.25, 10)
    assert (found.scores.tolist(), found.class_ids.tolist()) == (pytest.approx([0.8]), [1])


def test_thousands_on_top_of_one_another_are_answered_with_one():
    output = head(*[(50, 50, 30, 10, 0.9, 0, 0.4)] * 9_000)
    assert len(decode_yolo_obb(output, 0.25, 0.5, 300).scores) == 1


@pytest.mark.parametrize("shape", [(1, 5, 9), (2, 7, 9), (7, 9)])
def test_another_shape_is_refused(shape: tuple[int, ...]):
    with pytest.raises(UnsupportedOutputs, match="yolo head"):
        decode_yolo_obb(np.zeros(shape, np.float32), 0.25, 0.5, 10)
    with pytest.raises(UnsupportedOutputs, match="yolo-nms head"):
        decode_yolo_obb_nms(np.zeros(shape, np.float32), 0.25, 10)


@pytest.mark.parametrize(
    ("shape", "decoder"),
    [((1, 7, 84), Decoder.YOLO_OBB), ((1, 300, 7), Decoder.YOLO_OBB_NMS)],
    ids=["raw", "suppressed"],
)
def test_a_card_is_read_from_the_metadata(shape: tuple[int, ...], decoder: Decoder):
    metadata = OBB | ({"end2end": "True"} if decoder is Decoder.YOLO_OBB_NMS else {})
    card = infer_card(tiny.model_with_outputs(shape, metadata=metadata))
    assert (card.task, card.decoder, card.labels) == (Task.DETECT, decoder, ("ship", "plane"))


@pytest.mark.parametrize("size_wh", [(640, 640), (1280, 720), (333, 777), (90, 70)], ids=str)
def test_ultralytics_answers_the_same_rectangles(size_wh: tuple[int, int], tmp_path: Path):
    """Clusters of rectangles around one another, in a picture that is letterboxed in every way."""
    path = tmp_path / "model.onnx"
    path.write_bytes(tiny.constant_answer(_clusters(), metadata=OBB | {"imgsz": "[640, 640]"}, side=640))
    image = np.full((size_wh[1], size_wh[0], 3), 90, np.uint8)
    data = path.read_bytes()
    peer = ultralytics.YOLO(path, task="obb")
    reference = peer.predict(image, conf=0.25, iou=0.6, max_det=300, imgsz=640, verbose=False, device="cpu")[0].obb
    found = Predictor(data, infer_card(data)).predict(image, confidence=0.25, iou=0.6, max_detections=300)
    assert len(reference) > 60
    assert len(found.detections) == len(reference) == _matched(found.detections, reference)
    assert all(len(row["corners"]) == 4 for row in found.to_dict()["detections"])
    assert (draw(image, found) != draw(image, Prediction(*size_wh))).any()


def _clusters() -> np.ndarray:
    """(1, 7, 1200): 40 places with 30 rectangles of two classes each, no two of one score."""
    chance = np.random.default_rng(11)
    places = np.repeat(chance.uniform([60, 60, 20, 10, -0.7], [580, 580, 160, 60, 2.3], (40, 5)), 30, axis=0)
    rectangles = places + chance.normal(size=places.shape) * [6, 6, 4, 3, 0.15]
    rectangles[:, 2:4] = np.maximum(rectangles[:, 2:4], 4)
    best = chance.permutation(np.linspace(0.05, 0.99, len(places)))
    is_plane = chance.random(len(places)) < 0.5
    scores = np.stack([np.where(is_plane, best / 2, best), np.where(is_plane, best, best / 2)], axis=1)
    return np.concatenate([rectangles[:, :4], scores, rectangles[:, 4:]], axis=1).T[np.newaxis].astype(np.float32)


def _matched(found, reference) -> int:
    """Rectangles of ours with one of the reference's own within a pixel and 0.001."""
    corners, scores = reference.xyxyxyxy.numpy(), reference.conf.numpy()
    labels, free, count = reference.cls.numpy(), np.ones(len(reference), bool), 0
    for mine, score, label in zip(found.data["xyxyxyxy"], found.confidence, found.class_id, strict=True):
        near = _apart(corners, mine) <= 1
        candidates = np.flatnonzero(near & (np.abs(scores - score) <= 1e-3) & (labels == label) & free)
        if len(candidates):
            free[candidates[0]] = False
            count += 1
    return count


def _apart(corners: np.ndarray, mine: np.ndarray) -> np.ndarray:
    """How far the farthest corner is, whichever corner either side begins with."""
    turned = [np.abs(corners - np.roll(mine, shift, axis=0)).max(axis=(1, 2)) for shift in range(4)]
    return np.min(turned, axis=0) if len(corners) else np.zeros(0)
